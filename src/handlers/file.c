/*
 * file:DIR serves the files below a directory.
 */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errno_kind.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "handlers/builtin.h"
#include "handlers/directory.h"
#include "handlers/listing.h"
#include "handlers/redirect.h"
#include "handlers/removed.h"
#include "handlers/representation.h"

#define INDEX "index.html"
#define WELL_KNOWN ".well-known"

struct file_mount {
	struct directory directory;
	char *path; /* of the directory; owned */
	const struct config *config;
	const struct media_type *mime;
	struct response_cache *cache;
	const char *fallback; /* served in place of a 404; may be NULL */
	bool logged;	      /* refuse_listing has logged its hint */
	bool told_gone;	      /* the log says that it was removed */
};

/* All that the choice of a file depends on: the key of its response's copy. */
struct file_key {
	const struct file_mount *mount;
	struct content_coding_wish wish; /* with --precompressed, else zeroes */
	char name[PATH_MAX];
};

static int
open_mount(struct file_mount *f, const struct tined_mount *m)
{
	const struct builtin_setup *setup = builtin_setup(m);
	const struct config *config = setup->config;

	f->path = path_absolute(builtin_argument(m));
	f->config = config;
	f->mime = setup->mime;
	f->cache = setup->cache;
	if (setup->found != NULL) {
		f->directory = (struct directory){
		    .fd = setup->opened, .follow = config->follow_symlinks};
		errno = EBADF;
		return setup->opened != -1 ? 0 : -1;
	}
	return directory_open(&f->directory, f->path, config->follow_symlinks);
}

/* --fallback applies to the mount at the root. */
static int
find_fallback(struct file_mount *f, const struct tined_mount *m)
{
	struct stat st = {0};
	int fd;

	if (f->config->fallback == NULL || *tined_mount_prefix(m) != '\0')
		return 0;
	f->fallback = f->config->fallback;
	if (builtin_setup(m)->found != NULL)
		return 0;
	fd = directory_open_path(&f->directory, f->fallback);
	if (fd == -1)
		return -1;
	(void)fstat(fd, &st);
	close(fd);
	errno = EISDIR;
	return S_ISREG(st.st_mode) ? 0 : -1;
}

static int
file_mount(struct tined_mount *m, void **state)
{
	struct file_mount *f;

	if (*builtin_argument(m) == '\0')
		return builtin_mount_usage(
		    m, "file: needs a directory, as in file:/srv/www");
	f = memory_get_array(1, sizeof(*f));
	if (open_mount(f, m) == 0 && find_fallback(f, m) == 0) {
		*state = f;
		builtin_serve_directory(m, f->directory.fd);
		tined_need(m, f->directory.follow ? TINED_NEED_READ : 0);
		return 0;
	}
	tined_mount_fail(m, "cannot serve %s%s%s: %s", f->path,
	    f->fallback != NULL ? " with --fallback " : "",
	    f->fallback != NULL ? f->fallback : "", directory_error(errno));
	free(f->path);
	free(f);
	return -1;
}

static void
file_unmount(void *state)
{
	struct file_mount *m = state;

	directory_close(&m->directory);
	free(m->path);
	free(m);
}

/*
 * A shortage of descriptors or memory affects all requests: logs only its
 * beginning and its end.
 */
static void
file_log_shortage(const char *name, bool short_now)
{
	static bool is_short;

	if (short_now == is_short)
		return;
	is_short = short_now;
	if (is_short)
		log_error("cannot open %s: %s; requests get 503 until files "
			  "can be opened again",
		    name, strerror(errno));
	else
		log_notice("files can be opened again");
}

static int
file_log_failure(struct file_mount *m, const char *name)
{
	int error = errno;
	int status = directory_status(error);

	if (error == ENOENT && directory_is_gone(&m->directory)) {
		removed_log(&m->told_gone, m->path);
		return 503;
	}
	if (error == EXDEV)
		log_info("%s gets 403: a symbolic link leads out of the "
			 "directory (--follow-symlinks)",
		    name);
	else if (status == 403)
		log_info("%s gets 403: %s", name, strerror(error));
	else if (status == 503)
		file_log_shortage(name, true);
	else if (status >= 500)
		log_error("cannot open %s: %s", name, strerror(errno));
	else
		log_debug("cannot open %s: %s", name, strerror(errno));
	return status;
}

/*
 * Opens a file or directory.  Returns 0, or the status code of the failure, with
 * f->fd -1.
 */
static int
open_name(struct file_mount *m, const char *name, struct representation *f)
{
	f->fd = directory_open_file(&m->directory, name);
	if (f->fd == -1 && errno_is_shortage(errno) &&
	    response_cache_close_files(m->cache))
		f->fd = directory_open_file(&m->directory, name);
	if (f->fd == -1)
		return file_log_failure(m, name);
	file_log_shortage(name, false);
	if (fstat(f->fd, &f->st) == 0 &&
	    (S_ISREG(f->st.st_mode) || S_ISDIR(f->st.st_mode)))
		return 0;
	close(f->fd);
	f->fd = -1;
	return 404;
}

static int
open_regular(struct file_mount *m, const char *name, struct representation *f)
{
	int status = open_name(m, name, f);

	if (status == 0 && !S_ISREG(f->st.st_mode)) {
		close(f->fd);
		f->fd = -1;
		return 404;
	}
	return status;
}

/* True if a segment begins with a dot, except ".well-known" as the first. */
static bool
is_hidden(struct text path)
{
	struct text well_known = TEXT("/" WELL_KNOWN);
	size_t from = 0;

	if (text_begins(path, well_known) &&
	    (path.len == well_known.len || path.at[well_known.len] == '/'))
		from = well_known.len;
	return memmem(path.at + from, path.len - from, "/.", 2) != NULL;
}

/* Opens the best precompressed file beside this one. */
static void
choose_coding(const struct file_mount *m, struct tined_exchange *x,
    const char *name, struct representation *f)
{
	struct representation other[CONTENT_CODINGS];
	struct content_coding_wish wish;
	unsigned available = 1u << CONTENT_CODING_IDENTITY;

	other[CONTENT_CODING_IDENTITY] = *f;
	for (int c = 0; c < CONTENT_CODING_IDENTITY; c++) {
		char *path =
		    memory_printf("%s%s", name, content_coding_suffix(c));

		other[c].fd = directory_open_file(&m->directory, path);
		if (other[c].fd != -1 &&
		    fstat(other[c].fd, &other[c].st) == 0 &&
		    S_ISREG(other[c].st.st_mode))
			available |= 1u << c;
		free(path);
	}
	content_coding_read_wish(builtin_request(x), &wish);
	f->coding = content_coding_choose(&wish, available);
	f->varies = available != 1u << CONTENT_CODING_IDENTITY;
	for (int c = 0; c < CONTENT_CODINGS; c++)
		if (c != (int)f->coding && other[c].fd != -1)
			close(other[c].fd);
	f->fd = other[f->coding].fd;
	f->st = other[f->coding].st;
}

/* Completes what the response with an open file needs. */
static void
select_regular(const struct file_mount *m, struct tined_exchange *x,
    const char *name, struct representation *f)
{
	f->type = media_type_type(m->mime, name);
	f->max_age = m->config->max_age;
	f->coding = content_coding_of_name(name);
	f->varies = false;
	if (m->config->precompressed && f->coding == CONTENT_CODING_IDENTITY)
		choose_coding(m, x, name, f);
}

/* Owns the descriptor. */
static void
answer_listing(const struct file_mount *m, struct tined_exchange *x,
    const char *name, int fd)
{
	if (listing_add(builtin_buffer(x), &m->directory, name, fd,
		text_from(tined_path(x)), m->config->dotfiles) == -1) {
		log_error("cannot list %s: %s", name, strerror(errno));
		tined_error(x, directory_status(errno));
		return;
	}
	tined_add_field(x, TINED_TEXT("Content-Type"),
	    TINED_TEXT("text/html; charset=utf-8"));
	builtin_no_sniffing(x);
	builtin_add_buffer(x, 0);
}

/* New users meet this first, so the log explains it once. */
static void
refuse_listing(struct file_mount *m, struct tined_exchange *x, const char *name)
{
	tined_error(x, 403);
	builtin_advise(
	    x, "This directory has no index page, and is not listed.");
	if (!m->logged)
		log_notice("%s has no " INDEX ": --listing would show it",
		    strcmp(name, ".") == 0 ? m->path : name);
	m->logged = true;
}

/* If the directory was removed, the master has to open it again. */
static void
file_refuse(const struct file_mount *m, struct tined_exchange *x, int status)
{
	tined_error(x, status);
	if (m->told_gone)
		builtin_want_reload(x);
}

/*
 * The functions below either respond, or select the file to respond with: then
 * f->fd is not -1.
 *
 * The name ends in a slash, or is ".".  Owns the descriptor.
 */
static void
select_index(struct file_mount *m, struct tined_exchange *x, const char *name,
    int fd, struct representation *f)
{
	char *index = memory_printf("%s/%s", name, INDEX);
	int status = open_regular(m, index, f);

	if (status == 404 && m->config->listing) {
		answer_listing(m, x, name, fd);
	} else {
		close(fd);
		if (status == 0)
			select_regular(m, x, index, f);
		else if (status == 404)
			refuse_listing(m, x, name);
		else
			file_refuse(m, x, status);
	}
	free(index);
}

/* The fallback: a single-page application handles any path. */
static void
select_after_failure(struct file_mount *m, struct tined_exchange *x, int status,
    struct representation *f)
{
	const char *name = m->fallback;

	if (status == 404 && name != NULL && open_regular(m, name, f) == 0)
		select_regular(m, x, name, f);
	else
		file_refuse(m, x, status);
}

static void
select_name(struct file_mount *m, struct tined_exchange *x, const char *name,
    struct representation *f)
{
	struct text path = text_from(tined_path(x));
	bool slash = path.at[path.len - 1] == '/';
	struct representation found = {.fd = -1};
	int status = open_name(m, name, &found);

	if (status != 0) {
		select_after_failure(m, x, status, f);
	} else if (S_ISREG(found.st.st_mode)) {
		*f = found;
		select_regular(m, x, name, f);
	} else if (slash) {
		select_index(m, x, name, found.fd, f);
	} else {
		close(found.fd);
		redirect_to_directory(x);
	}
}

/* Returns the length of the key. */
static size_t
make_key(const struct file_mount *m, struct tined_exchange *x, struct text rest,
    struct file_key *key)
{
	key->mount = m;
	key->wish = (struct content_coding_wish){0};
	if (m->config->precompressed)
		content_coding_read_wish(builtin_request(x), &key->wish);
	memcpy(key->name, rest.at + 1, rest.len - 1);
	key->name[rest.len - 1] = '\0';
	return offsetof(struct file_key, name) + rest.len - 1;
}

/*
 * Returns a copy of the file, which has its descriptor or closes it, or NULL if it
 * is not to have one.
 */
static const struct representation_copy *
copy_file(const struct file_mount *m, struct text key, int64_t now,
    const struct representation *f)
{
	bool is_large = representation_is_large(f);
	size_t size = representation_copy_size(f);
	struct representation_copy *copy;

	if (size == 0 || (is_large && m->cache->files_max == 0) ||
	    !response_cache_wants(m->cache, key, now))
		return NULL;
	copy = response_cache_reserve(m->cache, key, size);
	if (copy == NULL || representation_copy(f, copy) == -1)
		return NULL;
	response_cache_add(m->cache, is_large ? f->fd : -1, now);
	if (!is_large)
		close(f->fd);
	return copy;
}

static void
serve_name(struct file_mount *m, struct tined_exchange *x, struct text rest)
{
	struct file_key key;
	struct text bytes = {(char *)&key, make_key(m, x, rest, &key)};
	int64_t now = clock_recent();
	const struct representation_copy *copy =
	    response_cache_find(m->cache, bytes, now);
	struct representation f = {.fd = -1};

	if (copy == NULL || !representation_copy_is_valid(copy)) {
		select_name(m, x, *key.name != '\0' ? key.name : ".", &f);
		if (f.fd == -1)
			return;
		copy = copy_file(m, bytes, now, &f);
		if (copy == NULL) {
			representation_answer(&f, x);
			return;
		}
	}
	representation_answer_copy(copy, x);
}

/* True for a path that leads to no file that is served. */
static bool
is_refused(
    const struct file_mount *m, struct tined_exchange *x, struct text rest)
{
	return tined_path_is_ambiguous(x) || rest.len >= PATH_MAX ||
	    (is_hidden(rest) && !m->config->dotfiles);
}

static void
file_serve(void *state, struct tined_exchange *x)
{
	struct file_mount *m = state;
	struct text rest = text_from(tined_path_below(x));
	struct representation f = {.fd = -1};

	if (rest.len == 0) {
		redirect_to_directory(x);
	} else if (is_refused(m, x, rest)) {
		select_after_failure(m, x, 404, &f);
		if (f.fd != -1)
			representation_answer(&f, x);
	} else {
		serve_name(m, x, rest);
	}
}

const struct tined_module handler_file = {
    TINED_MODULE_VERSION,
    .name = "file",
    .mount = file_mount,
    .unmount = file_unmount,
    .serve = file_serve,
};
