#include <string.h>

#include "http/request.h"

#define NAME(name)                                                             \
	{                                                                      \
		name, sizeof(name) - 1                                         \
	}

/* In the spelling of nearly all clients. */
static const struct text names[FIELD_IDS] = {
    [FIELD_ACCEPT] = NAME("Accept"),
    [FIELD_ACCEPT_ENCODING] = NAME("Accept-Encoding"),
    [FIELD_CONNECTION] = NAME("Connection"),
    [FIELD_CONTENT_LENGTH] = NAME("Content-Length"),
    [FIELD_CONTENT_TYPE] = NAME("Content-Type"),
    [FIELD_EXPECT] = NAME("Expect"),
    [FIELD_HOST] = NAME("Host"),
    [FIELD_IF_MATCH] = NAME("If-Match"),
    [FIELD_IF_MODIFIED_SINCE] = NAME("If-Modified-Since"),
    [FIELD_IF_NONE_MATCH] = NAME("If-None-Match"),
    [FIELD_IF_RANGE] = NAME("If-Range"),
    [FIELD_IF_UNMODIFIED_SINCE] = NAME("If-Unmodified-Since"),
    [FIELD_RANGE] = NAME("Range"),
    [FIELD_REFERER] = NAME("Referer"),
    [FIELD_TRANSFER_ENCODING] = NAME("Transfer-Encoding"),
    [FIELD_USER_AGENT] = NAME("User-Agent"),
};

/* The fields of each length: at most two, and FIELD_OTHER at the end. */
static const unsigned char ids[][3] = {
    [4] = {FIELD_HOST},
    [5] = {FIELD_RANGE},
    [6] = {FIELD_ACCEPT, FIELD_EXPECT},
    [7] = {FIELD_REFERER},
    [8] = {FIELD_IF_MATCH, FIELD_IF_RANGE},
    [10] = {FIELD_CONNECTION, FIELD_USER_AGENT},
    [12] = {FIELD_CONTENT_TYPE},
    [13] = {FIELD_IF_NONE_MATCH},
    [14] = {FIELD_CONTENT_LENGTH},
    [15] = {FIELD_ACCEPT_ENCODING},
    [17] = {FIELD_IF_MODIFIED_SINCE, FIELD_TRANSFER_ENCODING},
    [19] = {FIELD_IF_UNMODIFIED_SINCE},
};

/* Does not clear the 4 kB of fields, as field_count makes them empty. */
void
request_reset(struct request *r)
{
	memset(r, 0, offsetof(struct request, fields));
}

/* The first letter distinguishes nearly all names of the same length. */
enum field_id
request_field_id(struct text name)
{
	static const unsigned char none[] = {FIELD_OTHER};
	const unsigned char *id =
	    name.len < sizeof(ids) / sizeof(ids[0]) ? ids[name.len] : none;

	for (; *id != FIELD_OTHER; id++)
		if ((names[*id].at[0] | 0x20) == (name.at[0] | 0x20) &&
		    text_equal_nocase(name, names[*id]))
			break;
	return (enum field_id) * id;
}

void
request_add_field(struct request *r)
{
	size_t i = r->field_count++;
	struct field *f = &r->fields[i];

	f->id = request_field_id(f->name);
	if (r->counts[f->id]++ == 0)
		r->firsts[f->id] = (unsigned char)i;
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
