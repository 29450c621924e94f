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

#include "base/log.h"
#include "base/memory.h"
#include "handlers/directory.h"
#include "handlers/handler.h"
#include "handlers/listing.h"
#include "handlers/representation.h"
#include "http/uri.h"

#define INDEX "index.html"
#define WELL_KNOWN ".well-known"

struct file_mount {
	struct directory directory;
	const char *path; /* of the directory */
	const struct config *config;
	const struct media_type *mime;
	const char *fallback; /* served in place of a 404; may be NULL */
	bool logged;	      /* refuse_listing has logged its hint */
	bool told_gone;	      /* log_gone has logged */
};

static int
open_mount(struct file_mount *m, const struct handler_setup *setup)
{
	const struct config *config = setup->config;

	m->path = setup->arg;
	m->config = config;
	m->mime = setup->mime;
	if (setup->opened != -1) {
		m->directory = (struct directory){
		    .fd = setup->opened, .follow = config->follow_symlinks};
		return 0;
	}
	return directory_open(
	    &m->directory, setup->arg, config->follow_symlinks);
}

/* --fallback applies to the mount at the root. */
static int
find_fallback(struct file_mount *m, const struct handler_setup *setup)
{
	struct stat st = {0};
	int fd;

	if (setup->config->fallback == NULL || strcmp(setup->prefix, "/") != 0)
		return 0;
	m->fallback = setup->config->fallback;
	if (setup->opened != -1)
		return 0;
	fd = directory_open_path(&m->directory, m->fallback);
	if (fd == -1)
		return -1;
	(void)fstat(fd, &st);
	close(fd);
	errno = EISDIR;
	return S_ISREG(st.st_mode) ? 0 : -1;
}

static int
file_mount(const struct handler_setup *setup, struct handler_mounted *out,
    struct buffer *why)
{
	struct file_mount *m;
	int error;

	if (*setup->arg == '\0') {
		buffer_printf(
		    why, "file: needs a directory, as in file:/srv/www");
		errno = EINVAL;
		return -1;
	}
	m = memory_get_array(1, sizeof(*m));
	if (open_mount(m, setup) == 0 && find_fallback(m, setup) == 0) {
		out->state = m;
		out->methods = METHOD_GET | METHOD_HEAD;
		out->directory = m->directory.fd;
		out->needs = m->directory.follow ? PRIVILEGE_READ : 0;
		return 0;
	}
	error = errno;
	buffer_printf(why, "cannot serve %s%s%s: %s", setup->arg,
	    m->fallback != NULL ? " with --fallback " : "",
	    m->fallback != NULL ? m->fallback : "",
	    error == ENOSYS ? "this needs Linux 5.6 or later"
			    : strerror(error));
	free(m);
	errno = error;
	return -1;
}

static void
file_unmount(void *state)
{
	struct file_mount *m = state;

	directory_close(&m->directory);
	free(m);
}

/* Returns the status code for the errno of a failed open. */
static int
status_of_errno(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
	case ENXIO: /* a socket, or a missing device */
	case ENODEV:
		return 404;
	case EACCES:
	case EPERM:
	case EXDEV: /* leads out of the directory */
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return 503;
	default:
		return 500;
	}
}

/*
 * A shortage of descriptors or memory affects all requests: logs only its
 * beginning and its end.
 */
static void
log_shortage(const char *name, bool short_now)
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

/* The open directory was removed. */
static void
log_gone(struct file_mount *m)
{
	if (!m->told_gone)
		log_error("the directory %s was removed: requests for it get "
			  "503 until a directory of that name exists again and "
			  "a reload opens it",
		    m->path);
	m->told_gone = true;
}

static int
file_log_failure(struct file_mount *m, const char *name)
{
	int error = errno;
	int status = status_of_errno(error);

	if (error == ENOENT && directory_is_gone(&m->directory)) {
		log_gone(m);
		return 503;
	}
	if (error == EXDEV)
		log_info("%s gets 403: a symbolic link leads out of the "
			 "directory (--follow-symlinks)",
		    name);
	else if (status == 403)
		log_info("%s gets 403: %s", name, strerror(error));
	else if (status == 503)
		log_shortage(name, true);
	else if (status >= 500)
		log_error("cannot open %s: %s", name, strerror(errno));
	else
		log_debug("cannot open %s: %s", name, strerror(errno));
	return status;
}

/* Opens a file or directory.  Returns 0, or the status code of the failure. */
static int
open_name(struct file_mount *m, const char *name, struct representation *f)
{
	f->fd = directory_open_file(&m->directory, name);
	if (f->fd == -1)
		return file_log_failure(m, name);
	log_shortage(name, false);
	if (fstat(f->fd, &f->st) == 0 &&
	    (S_ISREG(f->st.st_mode) || S_ISDIR(f->st.st_mode)))
		return 0;
	close(f->fd);
	return 404;
}

static int
open_regular(struct file_mount *m, const char *name, struct representation *f)
{
	int status = open_name(m, name, f);

	if (status == 0 && !S_ISREG(f->st.st_mode)) {
		close(f->fd);
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

/* Redirects to the path with a final slash, so that relative links work. */
static void
redirect_to_directory(struct exchange *x)
{
	struct buffer location = {0};
	struct text query;

	uri_encode_path(&location, tined_path(x));
	buffer_add_char(&location, '/');
	if (tined_query(x, &query))
		uri_add_query(&location, query);
	tined_error(x, 301);
	tined_add_field(x, TEXT("Location"), buffer_text(&location));
	buffer_free(&location);
}

/* Opens the best precompressed file beside this one. */
static void
choose_coding(const struct file_mount *m, struct exchange *x, const char *name,
    struct representation *f)
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
	content_coding_read_wish(tined_request(x), &wish);
	f->coding = content_coding_choose(&wish, available);
	f->varies = available != 1u << CONTENT_CODING_IDENTITY;
	for (int c = 0; c < CONTENT_CODINGS; c++)
		if (c != (int)f->coding && other[c].fd != -1)
			close(other[c].fd);
	f->fd = other[f->coding].fd;
	f->st = other[f->coding].st;
}

static void
answer_regular(const struct file_mount *m, struct exchange *x, const char *name,
    struct representation *f)
{
	f->type = media_type_type(m->mime, name);
	f->max_age = m->config->max_age;
	f->coding = content_coding_of_name(name);
	f->varies = false;
	if (m->config->precompressed && f->coding == CONTENT_CODING_IDENTITY)
		choose_coding(m, x, name, f);
	representation_answer(f, x);
}

/* Owns the descriptor. */
static void
answer_listing(
    const struct file_mount *m, struct exchange *x, const char *name, int fd)
{
	if (listing_add(tined_text(x), &m->directory, name, fd, tined_path(x),
		m->config->dotfiles) == -1) {
		log_error("cannot list %s: %s", name, strerror(errno));
		tined_error(x, status_of_errno(errno));
		return;
	}
	tined_add_field(
	    x, TEXT("Content-Type"), TEXT("text/html; charset=utf-8"));
	tined_no_sniffing(x);
	tined_add_text(x, 0);
}

/* New users meet this first, so the log explains it once. */
static void
refuse_listing(struct file_mount *m, struct exchange *x, const char *name)
{
	tined_error(x, 403);
	tined_advise(x, "This directory has no index page, and is not listed.");
	if (!m->logged)
		log_notice("%s has no " INDEX ": --listing would show it",
		    strcmp(name, ".") == 0 ? m->path : name);
	m->logged = true;
}

/* If the directory was removed, the master has to open it again. */
static void
file_refuse(const struct file_mount *m, struct exchange *x, int status)
{
	tined_error(x, status);
	if (m->told_gone)
		tined_want_reload(x);
}

/* The name ends in a slash, or is ".".  Owns the descriptor. */
static void
answer_directory(
    struct file_mount *m, struct exchange *x, const char *name, int fd)
{
	char *index = memory_printf("%s/%s", name, INDEX);
	struct representation f = {.fd = -1};
	int status = open_regular(m, index, &f);

	if (status == 404 && m->config->listing) {
		answer_listing(m, x, name, fd);
	} else {
		close(fd);
		if (status == 0)
			answer_regular(m, x, index, &f);
		else if (status == 404)
			refuse_listing(m, x, name);
		else
			file_refuse(m, x, status);
	}
	free(index);
}

/* Serves the fallback: a single-page application handles any path. */
static bool
answer_fallback(struct file_mount *m, struct exchange *x)
{
	const char *name = m->fallback;
	struct representation f = {.fd = -1};

	if (name == NULL || open_regular(m, name, &f) != 0)
		return false;
	answer_regular(m, x, name, &f);
	return true;
}

static void
file_answer_failure(struct file_mount *m, struct exchange *x, int status)
{
	if (status == 404 && answer_fallback(m, x))
		return;
	file_refuse(m, x, status);
}

static void
answer_name(struct file_mount *m, struct exchange *x, const char *name)
{
	struct text path = tined_path(x);
	bool slash = path.at[path.len - 1] == '/';
	struct representation f = {.fd = -1};
	int status = open_name(m, name, &f);

	if (status != 0) {
		file_answer_failure(m, x, status);
	} else if (S_ISREG(f.st.st_mode)) {
		answer_regular(m, x, name, &f);
	} else if (slash) {
		answer_directory(m, x, name, f.fd);
	} else {
		close(f.fd);
		redirect_to_directory(x);
	}
}

static void
file_serve(void *state, struct exchange *x)
{
	struct file_mount *m = state;
	struct text rest = tined_path_below(x);
	char name[PATH_MAX];

	if (rest.len == 0) {
		redirect_to_directory(x);
		return;
	}
	if (tined_path_is_ambiguous(x) || rest.len >= sizeof(name) ||
	    (is_hidden(rest) && !m->config->dotfiles)) {
		file_answer_failure(m, x, 404);
		return;
	}
	memcpy(name, rest.at + 1, rest.len - 1);
	name[rest.len - 1] = '\0';
	answer_name(m, x, rest.len > 1 ? name : ".");
}

const struct handler handler_file = {
    .kind = "file",
    .mount = file_mount,
    .unmount = file_unmount,
    .serve = file_serve,
};
