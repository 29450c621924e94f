#include <stddef.h>

#include "http/status_code.h"

struct entry {
	int status;
	struct text reason;
	const char *advice;
};

#define ENTRY(status, reason, advice)                                          \
	{                                                                      \
		status, {reason, sizeof(reason) - 1}, advice                   \
	}

/* What this server sends comes first: the table is searched in its order. */
static const struct entry entries[] = {
    ENTRY(200, "OK", ""),
    ENTRY(100, "Continue", ""),
    ENTRY(204, "No Content", ""),
    ENTRY(206, "Partial Content", ""),
    ENTRY(301, "Moved Permanently", "It has moved."),
    ENTRY(304, "Not Modified", ""),
    ENTRY(400, "Bad Request", "The request breaks the rules of HTTP."),
    ENTRY(403, "Forbidden", "You may not see this."),
    ENTRY(404, "Not Found", "There is nothing here by that name."),
    ENTRY(405, "Method Not Allowed", "This cannot be asked for in that way."),
    ENTRY(408, "Request Timeout", "The request took too long to arrive."),
    ENTRY(412, "Precondition Failed", "It is not what you expected."),
    ENTRY(413, "Content Too Large", "The request is larger than allowed."),
    ENTRY(414, "URI Too Long", "The address is longer than allowed."),
    ENTRY(416, "Range Not Satisfiable", "There is no such part of it."),
    ENTRY(417, "Expectation Failed", "That expectation cannot be met."),
    ENTRY(431, "Request Header Fields Too Large",
	"The request has more fields, or longer ones, than allowed."),
    ENTRY(500, "Internal Server Error", "Something went wrong here."),
    ENTRY(501, "Not Implemented", "This server does not know how to do that."),
    ENTRY(502, "Bad Gateway", "The server behind this one gave no answer."),
    ENTRY(503, "Service Unavailable", "Try again in a moment."),
    ENTRY(504, "Gateway Timeout", "The answer took too long to make."),
    ENTRY(505, "HTTP Version Not Supported", "This server speaks HTTP/1.1."),

    ENTRY(201, "Created", ""),
    ENTRY(202, "Accepted", ""),
    ENTRY(203, "Non-Authoritative Information", ""),
    ENTRY(205, "Reset Content", ""),
    ENTRY(207, "Multi-Status", ""),
    ENTRY(208, "Already Reported", ""),
    ENTRY(226, "IM Used", ""),
    ENTRY(300, "Multiple Choices", ""),
    ENTRY(302, "Found", "It is elsewhere."),
    ENTRY(303, "See Other", "It is elsewhere."),
    ENTRY(305, "Use Proxy", ""),
    ENTRY(307, "Temporary Redirect", "It is elsewhere."),
    ENTRY(308, "Permanent Redirect", "It has moved."),
    ENTRY(401, "Unauthorized", ""),
    ENTRY(402, "Payment Required", ""),
    ENTRY(406, "Not Acceptable", ""),
    ENTRY(407, "Proxy Authentication Required", ""),
    ENTRY(409, "Conflict", ""),
    ENTRY(410, "Gone", ""),
    ENTRY(411, "Length Required", ""),
    ENTRY(415, "Unsupported Media Type", ""),
    ENTRY(421, "Misdirected Request", ""),
    ENTRY(422, "Unprocessable Content", ""),
    ENTRY(423, "Locked", ""),
    ENTRY(424, "Failed Dependency", ""),
    ENTRY(425, "Too Early", ""),
    ENTRY(426, "Upgrade Required", ""),
    ENTRY(428, "Precondition Required", ""),
    ENTRY(429, "Too Many Requests", ""),
    ENTRY(451, "Unavailable For Legal Reasons", ""),
    ENTRY(506, "Variant Also Negotiates", ""),
    ENTRY(507, "Insufficient Storage", ""),
    ENTRY(508, "Loop Detected", ""),
    ENTRY(511, "Network Authentication Required", ""),
};

static const struct entry *
status_code_find(int status)
{
	static const struct entry unknown = ENTRY(0, "Unknown", "");

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (entries[i].status == status)
			return &entries[i];
	return &unknown;
}

struct text
status_code_reason(int status)
{
	return status_code_find(status)->reason;
}

const char *
status_code_advice(int status)
{
	return status_code_find(status)->advice;
}

bool
status_code_has_advice(int status)
{
	return *status_code_advice(status) != '\0';
}

bool
status_code_is_final(int status)
{
	return status >= 200 && status <= 599;
}

bool
status_code_is_error(int status)
{
	return status >= 400;
}

bool
status_code_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

bool
status_code_may_have_content(int status)
{
	return status_code_has_body(status) && status != 205;
}
