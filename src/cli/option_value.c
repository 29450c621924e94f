#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/option_value.h"
#include "net/listen_address.h"
#include "shared/scoreboard.h"

#define MISTAKE_MAX 256
#define TIME_FORM                                                              \
	"a whole number with ms, s, m or h, such as 500ms, 20s or 5m, of at "  \
	"most 10 years"

const char *
option_value_mistake(const char *format, ...)
{
	static char message[MISTAKE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return message;
}

const char *
option_value_int(
    const char *value, int min, int max, int *to, const char *wanted)
{
	uint64_t n;

	if (!text_to_number(text_of(value), (uint64_t)max, &n) ||
	    n < (uint64_t)min)
		return wanted;
	*to = (int)n;
	return NULL;
}

const char *
option_value_time(const char *value, int64_t *to)
{
	return units_time(value, to) ? NULL : "expected " TIME_FORM;
}

const char *
option_value_time_above_0(const char *value, int64_t *to)
{
	const char *mistake = option_value_time(value, to);

	if (mistake == NULL && *to == 0)
		return "expected a time greater than 0, such as 500ms or 20s";
	return mistake;
}

const char *
option_value_time_or_off(const char *value, int64_t *to)
{
	*to = 0;
	if (strcmp(value, "off") != 0 &&
	    option_value_time_above_0(value, to) != NULL)
		return "expected " TIME_FORM ", greater than 0; or off";
	return NULL;
}

const char *
option_value_size(const char *value, uint64_t *to)
{
	if (!units_size(value, to))
		return "expected a whole number, alone or with k, M or G, such "
		       "as 512k, 10M or 1G";
	return NULL;
}

const char *
option_value_range(
    const char *value, const char *wanted, bool one, struct config_range *to)
{
	struct text first = {value, strcspn(value, "-")};
	const char *second = value + first.len;
	uint64_t min, max;

	if (!text_to_number(first, SCOREBOARD_WORKERS_MAX, &min) || min < 1)
		return wanted;
	max = min;
	if (*second != '\0' ? !text_to_number(text_of(second + 1),
				  SCOREBOARD_WORKERS_MAX, &max)
			    : !one)
		return wanted;
	if (min > max)
		return option_value_mistake(
		    "expected the smaller number first, %u-%u", (unsigned)max,
		    (unsigned)min);
	*to = (struct config_range){(int)min, (int)max};
	return NULL;
}

const char *
option_value_socket(const char *value, char **to)
{
	if (*value == '\0' || strlen(value) > LISTEN_ADDRESS_PATH_MAX)
		return "expected the path of a socket, of at most 107 bytes";
	if (*value == '-')
		return option_value_mistake(
		    "expected the path of a socket; for a file of that name, "
		    "write ./%s",
		    value);
	config_set_string(to, value);
	return NULL;
}
