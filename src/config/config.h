/*
 * config: the configuration, from the command line and defaults.  options.c
 * fills it before anything is opened.  Later only two things change: startup
 * makes file names absolute, and the default number of workers follows the
 * available memory (autoscale.h).  Times are in nanoseconds, sizes in bytes;
 * the configuration owns its strings.
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

/* The parts of --mount PREFIX=KIND:ARG. */
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

/* --workers MIN-MAX; a fixed number if they are equal. */
struct config_range {
	int min, max;
};

/* --write-mode: in which sends a response leaves. */
enum config_write_mode {
	CONFIG_WRITE_TOGETHER, /* all that is ready in one */
	CONFIG_WRITE_SPLIT,    /* the head, and each piece of content */
	CONFIG_WRITE_CORK,     /* the same, between TCP_CORK on and off */
	CONFIG_WRITE_MODES
};

/* --write-mode PREFIX=MODE */
struct config_mount_mode {
	char *prefix;
	enum config_write_mode mode;
};

struct config_mount_modes {
	struct config_mount_mode *at;
	size_t count;
};

#define CONFIG_WORKERS_MIN 4
#define CONFIG_WORKERS_MAX 256

/* The default of --cache-size: also 256 workers may have as much. */
#define CONFIG_CACHE_SIZE (512 << 10)

/* --stream-timeout was not given. */
#define CONFIG_AS_REQUEST (-1)
/* The default of --keepalive with --no-lot, seconds. */
#define CONFIG_KEEPALIVE_WITHOUT_LOT 5

/* The default of --response-memory: an eighth of the memory; autoscale.h. */
#define CONFIG_RESPONSE_MEMORY UINT64_MAX

struct config {
	struct config_strings listen;
	struct config_mounts mounts;
	struct access_list allow;

	struct config_range workers;
	struct config_range spare; /* idle workers, if workers is a range */
	bool workers_said;	   /* workers is from the command line */
	uint32_t max_requests;	   /* per worker; 0: no limit */
	uint32_t max_requests_jitter;
	uint64_t max_worker_memory; /* 0: no limit */
	int backlog;		    /* 0: the kernel's maximum */
	int64_t keepalive_timeout;  /* 0: the default */
	int64_t linger;		    /* before a worker parks a connection */
	int64_t queue_timeout;	    /* 0: none */
	bool no_lot;
	int per_client; /* workers per client address; 0: no limit */
	int64_t head_timeout;
	int64_t body_timeout;
	int64_t send_timeout;
	int64_t stop_timeout;
	int64_t start_timeout;	 /* of a worker, or of the lot */
	int64_t request_timeout; /* 0: none */
	/* The same once a part of the response was sent; CONFIG_AS_REQUEST:
	 * the default, until the command line is complete. */
	int64_t stream_timeout;
	int quarantine_limit;	 /* deaths of workers; 0: no quarantine */
	int64_t quarantine_time; /* within which they count, and its duration */

	/* For the laboratory: */
	enum config_write_mode write_mode;     /* where no mount has its own */
	struct config_mount_modes write_modes; /* of mounts */
	bool nagle;			       /* no TCP_NODELAY */

	uint64_t max_head;
	uint64_t max_body;
	uint64_t body_buffer;	  /* the largest body that the lot receives */
	uint64_t response_memory; /* for deferred responses, all together */

	/* For file mounts: */
	bool listing;
	bool dotfiles;
	bool follow_symlinks;
	bool precompressed;
	char *fallback;		       /* NULL: none */
	int64_t max_age;	       /* -1: no Cache-Control */
	int64_t cache_time;	       /* 0: no cache */
	uint32_t cache_size;	       /* of each worker, bytes */
	struct config_strings headers; /* complete lines, without CRLF */
	struct config_pages error_pages;

	char *user; /* NULL: the user who started tined */
	char *group;
	char *chroot; /* NULL: none */
	bool no_sandbox;

	char *pidfile;	     /* NULL: none */
	char *status_socket; /* NULL: none */
	char *show_status;   /* --status PATH */
	char *show_top;	     /* --top PATH */
	char *access_log;    /* logfile.h; NULL: the default */
	char *log_format;    /* log_format.h */
	char *error_log;
	enum log_level log_level;
	bool daemon;
	bool test;
	bool doctor;
	int doctor_pid; /* 0: this host, and the command line */
};

void config_init(struct config *c);
/*
 * Returns the timeout of one send, in nanoseconds.  With a lot, it is just long
 * enough to tell that a client is slow; without, it is a part of the send
 * timeout (min_rate.h).
 */
int64_t config_send_tick(const struct config *c);
/*
 * Returns how long a handler may give no sign of life (tined.h), in nanoseconds;
 * 0: for ever.  is_stream: a part of its response was sent.
 */
int64_t config_handler_limit(const struct config *c, bool is_stream);
void config_free(struct config *c);
/* Replaces *to by a copy of s. */
void config_set_string(char **to, const char *s);
void config_add_string(struct config_strings *list, const char *s);
void config_add_page(struct config *c, int status, const char *file);
void config_add_write_mode(
    struct config *c, const char *prefix, enum config_write_mode mode);
const char *config_write_mode_name(enum config_write_mode mode);
void config_add_mount(
    struct config *c, const char *prefix, const char *kind, const char *arg);

#endif
