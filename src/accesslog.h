/*
 * accesslog: a line for each response, in Apache's Combined format:
 *
 *	127.0.0.1 - - [23/Nov/2026:18:41:22 +0000] "GET / HTTP/1.1" 200 512
 *	"https://referer.example/" "the user agent"
 *
 * Whatever a client sent is escaped and cut (escape.h).
 */
#ifndef TINED_ACCESSLOG_H
#define TINED_ACCESSLOG_H

#include "logfile.h"
#include "request.h"

struct accesslog_entry {
	const char *client;
	struct text line; /* as far as it came */
	const struct request *request;
	int status;
	uint64_t bytes; /* of content, sent */
};

void accesslog_write(struct logfile *f, const struct accesslog_entry *e);

#endif
