#include <string.h>

#include "http/request.h"

static const struct text names[FIELD_IDS] = {
    [FIELD_ACCEPT] = {"accept", 6},
    [FIELD_ACCEPT_ENCODING] = {"accept-encoding", 15},
    [FIELD_CONNECTION] = {"connection", 10},
    [FIELD_CONTENT_LENGTH] = {"content-length", 14},
    [FIELD_CONTENT_TYPE] = {"content-type", 12},
    [FIELD_EXPECT] = {"expect", 6},
    [FIELD_HOST] = {"host", 4},
    [FIELD_IF_MATCH] = {"if-match", 8},
    [FIELD_IF_MODIFIED_SINCE] = {"if-modified-since", 17},
    [FIELD_IF_NONE_MATCH] = {"if-none-match", 13},
    [FIELD_IF_RANGE] = {"if-range", 8},
    [FIELD_IF_UNMODIFIED_SINCE] = {"if-unmodified-since", 19},
    [FIELD_RANGE] = {"range", 5},
    [FIELD_REFERER] = {"referer", 7},
    [FIELD_TRANSFER_ENCODING] = {"transfer-encoding", 17},
    [FIELD_USER_AGENT] = {"user-agent", 10},
};

/* All but the 4 kB of fields, which field_count makes empty. */
void
request_reset(struct request *r)
{
	memset(r, 0, offsetof(struct request, fields));
}

enum field_id
request_field_id(struct text name)
{
	/* Length and first letter tell nearly all of them apart. */
	for (int id = FIELD_OTHER + 1; id < FIELD_IDS; id++)
		if (names[id].len == name.len &&
		    (names[id].at[0] | 0x20) == (name.at[0] | 0x20) &&
		    text_equal_nocase(name, names[id]))
			return (enum field_id)id;
	return FIELD_OTHER;
}

bool
request_field(const struct request *r, enum field_id id, struct text *value)
{
	if (r->counts[id] == 0)
		return false;
	*value = r->fields[r->firsts[id]].value;
	return true;
}

ssize_t
request_read(struct request *r, char *to, size_t size)
{
	return r->read(r->context, to, size);
}
