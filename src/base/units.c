#include <stddef.h>
#include <string.h>

#include "base/chars.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit times[] = {
    {"", CLOCK_SECOND},
    {"ms", CLOCK_MILLISECOND},
    {"s", CLOCK_SECOND},
    {"m", 60 * CLOCK_SECOND},
    {"h", 3600 * CLOCK_SECOND},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},
    {"k", 1 << 10},
    {"K", 1 << 10},
    {"M", 1 << 20},
    {"G", 1 << 30},
    {NULL, 0},
};

static bool
number_with_unit(
    const char *word, const struct unit *units, uint64_t max, uint64_t *value)
{
	struct text digits = {word, strspn(word, "0123456789")};
	uint64_t n;

	for (; units->name != NULL; units++) {
		if (strcmp(word + digits.len, units->name) != 0)
			continue;
		if (!text_to_number(digits, max / units->factor, &n))
			return false;
		*value = n * units->factor;
		return true;
	}
	return false;
}

bool
units_time(const char *word, int64_t *nanoseconds)
{
	const uint64_t max = UINT64_C(10) * 366 * 24 * 3600 * CLOCK_SECOND;
	uint64_t value;

	if (!number_with_unit(word, times, max, &value))
		return false;
	*nanoseconds = (int64_t)value;
	return true;
}

bool
units_size(const char *word, uint64_t *bytes)
{
	return number_with_unit(word, sizes, INT64_MAX, bytes);
}

void
units_add_size(struct buffer *b, uint64_t bytes)
{
	static const char units[] = " kMGTPE";
	double n = (double)bytes;
	int unit = 0;

	while (n >= 1000 && units[unit + 1] != '\0') {
		n /= 1000;
		unit++;
	}
	if (unit == 0)
		buffer_printf(b, "%d B", (int)bytes);
	else
		buffer_printf(b, "%.1f %cB", n, units[unit]);
}
