#include <string.h>

#include "base/chars.h"
#include "http/qvalue.h"

int
qvalue_parse(struct text t)
{
	int quality = 0;
	int weight = QVALUE_MAX;

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
	return quality <= QVALUE_MAX ? quality : -1;
}
