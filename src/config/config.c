#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"

/* The tick is this part of the send timeout, without a lot. */
#define SEND_TICKS 4

void
config_init(struct config *c)
{
	*c = (struct config){
	    .workers = {CONFIG_WORKERS_MIN, CONFIG_WORKERS_MAX},
	    .spare = {2, 8},
	    .linger = 20 * CLOCK_MILLISECOND,
	    .head_timeout = 20 * CLOCK_SECOND,
	    .body_timeout = 20 * CLOCK_SECOND,
	    .send_timeout = 60 * CLOCK_SECOND,
	    .stop_timeout = 30 * CLOCK_SECOND,
	    .start_timeout = 30 * CLOCK_SECOND,
	    .request_timeout = 300 * CLOCK_SECOND,
	    .stream_timeout = CONFIG_AS_REQUEST,
	    .max_head = 32 << 10,
	    .max_body = 1 << 30,
	    .body_buffer = 64 << 10,
	    .response_memory = CONFIG_RESPONSE_MEMORY,
	    .max_age = -1,
	    .cache_time = CLOCK_SECOND,
	    .cache_size = CONFIG_CACHE_SIZE,
	    .log_level = LOG_LEVEL_NOTICE,
	};
}

static void
free_strings(struct config_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->at[i]);
	free(list->at);
}

void
config_free(struct config *c)
{
	free_strings(&c->listen);
	free_strings(&c->headers);
	for (size_t i = 0; i < c->error_pages.count; i++)
		free(c->error_pages.at[i].file);
	free(c->error_pages.at);
	for (size_t i = 0; i < c->write_modes.count; i++)
		free(c->write_modes.at[i].prefix);
	free(c->write_modes.at);
	for (size_t i = 0; i < c->mounts.count; i++) {
		free(c->mounts.at[i].prefix);
		free(c->mounts.at[i].kind);
		free(c->mounts.at[i].arg);
	}
	free(c->mounts.at);
	access_free(&c->allow);
	free(c->fallback);
	free(c->user);
	free(c->group);
	free(c->chroot);
	free(c->pidfile);
	free(c->status_socket);
	free(c->show_status);
	free(c->show_top);
	free(c->access_log);
	free(c->log_format);
	free(c->error_log);
	*c = (struct config){0};
}

int64_t
config_send_tick(const struct config *c)
{
	return c->no_lot ? c->send_timeout / SEND_TICKS : c->linger;
}

int64_t
config_handler_limit(const struct config *c, bool is_stream)
{
	return is_stream ? c->stream_timeout : c->request_timeout;
}

void
config_set_string(char **to, const char *s)
{
	free(*to);
	*to = memory_copy_string(s);
}

void
config_add_string(struct config_strings *list, const char *s)
{
	list->at =
	    memory_resize(list->at, list->count + 1, sizeof(list->at[0]));
	list->at[list->count++] = memory_copy_string(s);
}

void
config_add_page(struct config *c, int status, const char *file)
{
	struct config_pages *p = &c->error_pages;

	for (size_t i = 0; i < p->count; i++) {
		if (p->at[i].status != status)
			continue;
		free(p->at[i].file); /* the last one given counts */
		p->at[i].file = memory_copy_string(file);
		return;
	}
	p->at = memory_resize(p->at, p->count + 1, sizeof(p->at[0]));
	p->at[p->count++] = (struct config_page){
	    .status = status,
	    .file = memory_copy_string(file),
	};
}

void
config_add_write_mode(
    struct config *c, const char *prefix, enum config_write_mode mode)
{
	struct config_mount_modes *m = &c->write_modes;

	m->at = memory_resize(m->at, m->count + 1, sizeof(m->at[0]));
	m->at[m->count++] = (struct config_mount_mode){
	    .prefix = memory_copy_string(prefix),
	    .mode = mode,
	};
}

const char *
config_write_mode_name(enum config_write_mode mode)
{
	static const char *const names[CONFIG_WRITE_MODES] = {
	    [CONFIG_WRITE_TOGETHER] = "together",
	    [CONFIG_WRITE_SPLIT] = "split",
	    [CONFIG_WRITE_CORK] = "cork",
	};

	return names[mode];
}

void
config_add_mount(
    struct config *c, const char *prefix, const char *kind, const char *arg)
{
	struct config_mounts *m = &c->mounts;

	m->at = memory_resize(m->at, m->count + 1, sizeof(m->at[0]));
	m->at[m->count++] = (struct config_mount){
	    .prefix = memory_copy_string(prefix),
	    .kind = memory_copy_string(kind),
	    .arg = memory_copy_string(arg),
	};
}
