/*
 * config: what the command line decides, with its defaults.  Filled by
 * options.c before anything is opened, read by everybody, changed by nobody
 * after that; but names of files are made absolute, and the default number of
 * workers follows the memory that there is (autoscale.h).  Times are
 * nanoseconds, sizes bytes, strings owned here.
 */
#ifndef TINED_CONFIG_CONFIG_H
#define TINED_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "net/access.h"

struct config_strings {
	char **at;
	size_t count;
};

/* --mount PREFIX=KIND:ARG, in its parts. */
struct config_mount {
	char *prefix;
	char *kind;
	char *arg; /* "" if there is none */
};

struct config_mounts {
	struct config_mount *at;
	size_t count;
};

/* --error-page STATUS=FILE */
struct config_page {
	int status;
	char *file;
};

struct config_pages {
	struct config_page *at;
	size_t count;
};

/* --workers MIN-MAX: fixed when they are equal. */
struct config_range {
	int min, max;
};

#define CONFIG_WORKERS_MIN 4
#define CONFIG_WORKERS_MAX 256

/* Seconds that a client without a request keeps a worker, unless said. */
#define CONFIG_KEEPALIVE_WITHOUT_LOT 5

struct config {
	struct config_strings listen;
	struct config_mounts mounts;
	struct access_list allow;

	struct config_range workers;
	struct config_range spare; /* idle workers, unless they are fixed */
	bool workers_said;	   /* they are no default */
	uint32_t max_requests;	   /* of a worker; 0: no limit */
	uint32_t max_requests_jitter;
	uint64_t max_worker_memory; /* 0: no limit */
	int backlog;		    /* 0: what the kernel allows at most */
	int64_t keepalive_timeout;  /* 0: not said */
	int64_t linger;		    /* for the next request, before parking */
	int64_t queue_timeout;	    /* 0: none */
	bool no_lot;
	int per_client; /* workers of one client; 0: no bound */
	int64_t head_timeout;
	int64_t body_timeout;
	int64_t send_timeout;
	int64_t stop_timeout;
	int64_t start_timeout;	 /* of a worker, or of the lot */
	int64_t request_timeout; /* 0: none */
	int quarantine_limit;	 /* deaths of workers; 0: no quarantine */
	int64_t quarantine_time; /* in which they count, and it lasts */

	uint64_t max_head;
	uint64_t max_body;
	uint64_t body_buffer; /* content that is waited for in the lot */

	/* of file mounts */
	bool listing;
	bool dotfiles;
	bool follow_symlinks;
	bool precompressed;
	char *fallback;		       /* NULL: none */
	int64_t max_age;	       /* -1: say nothing */
	struct config_strings headers; /* complete lines, without CRLF */
	struct config_pages error_pages;

	char *user; /* NULL: who started it */
	char *group;
	char *chroot; /* NULL: none */
	bool no_sandbox;

	char *pidfile;	     /* NULL: none */
	char *status_socket; /* NULL: none */
	char *show_status;   /* of the server that has that socket */
	char *access_log;    /* logfile.h; NULL: not said */
	char *log_format;    /* log_format.h */
	char *error_log;
	enum log_level log_level;
	bool daemon;
	bool test;
};

void config_init(struct config *c);
/*
 * How long one send may wait, nanoseconds: long enough to tell that a client is
 * slow, so that the lot can go on, or a part of the time-out (min_rate.h).
 */
int64_t config_send_tick(const struct config *c);
void config_free(struct config *c);
/* In place of what was there; the string is copied. */
void config_set_string(char **to, const char *s);
void config_add_string(struct config_strings *list, const char *s);
void config_add_page(struct config *c, int status, const char *file);
void config_add_mount(
    struct config *c, const char *prefix, const char *kind, const char *arg);

#endif
