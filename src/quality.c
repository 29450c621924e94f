#include <string.h>

#include "chars.h"
#include "quality.h"

int
quality_parse(struct text t)
{
	int quality = 0;
	int weight = QUALITY_MAX;

	if (t.len == 0 || t.len > strlen("0.000") ||
	    (t.len > 1 && t.at[1] != '.'))
		return -1;
	for (size_t i = 0; i < t.len; i++) {
		if (i == 1)
			continue;
		if (!chars_is(t.at[i], CHAR_DIGIT))
			return -1;
		quality += (t.at[i] - '0') * weight;
		weight /= 10;
	}
	return quality <= QUALITY_MAX ? quality : -1;
}
