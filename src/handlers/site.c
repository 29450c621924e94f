#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "handlers/builtin.h"
#include "handlers/module.h"
#include "handlers/site.h"

#define ERROR_PAGE_MAX ((size_t)64 << 10)
#define TYPES_MAX ((size_t)1 << 20)

static const struct tined_module *
find_handler(const char *kind)
{
	const struct tined_module *const *h = handlers;

	while (*h != NULL && strcmp(kind, (*h)->name) != 0)
		h++;
	return *h == NULL && module_is_installed(kind) ? &handler_module : *h;
}

/* The one module that needs more than the server does. */
static void
explain_wsgi(struct buffer *why)
{
	buffer_add_string(why,
	    "the module wsgi is not installed: install the package tined-wsgi; "
	    "or python3-dev, and then use make install-wsgi");
}

static void
explain_kinds(const struct config_mount *wanted, struct buffer *why)
{
	if (strcmp(wanted->kind, "wsgi") == 0) {
		explain_wsgi(why);
		return;
	}
	buffer_printf(why, "unknown kind %s: expected one of", wanted->kind);
	for (const struct tined_module *const *h = handlers; *h != NULL; h++)
		buffer_printf(why, " %s:", (*h)->name);
	if (*wanted->arg == '\0')
		buffer_printf(why, "; for a directory, --mount %s=file:%s",
		    wanted->prefix, wanted->kind);
}

/* "/docs/" and "/docs" are the same prefix; "/" is the empty prefix. */
static char *
copy_prefix(const char *prefix)
{
	char *copy = memory_copy_string(prefix);
	size_t len = strlen(copy);

	while (len > 0 && copy[len - 1] == '/')
		copy[--len] = '\0';
	return copy;
}

static struct tined_mount *
find_mount(const struct site *s, const char *prefix)
{
	for (size_t i = 0; i < s->mount_count; i++)
		if (strcmp(s->mounts[i].prefix, prefix) == 0)
			return &s->mounts[i];
	return NULL;
}

/* Mounts what is found and free to be mounted; frees the mount if it is not. */
static int
begin_mount(
    struct site *s, struct tined_mount *m, const struct config_mount *wanted)
{
	if (m->module != NULL && find_mount(s, m->prefix) == NULL)
		return mount_begin(m);
	if (m->module == NULL)
		explain_kinds(wanted, m->why);
	else
		buffer_printf(m->why, "the prefix is already mounted");
	free(m->prefix);
	errno = EINVAL;
	return -1;
}

static int
add_mount(struct site *s, const struct config *c, size_t index,
    const struct site_source *from, struct buffer *why)
{
	const struct config_mount *wanted = &c->mounts.at[index];
	int *opened =
	    from->opened != NULL ? &from->opened->directories[index] : NULL;
	struct text found = from->opened != NULL
	    ? buffer_text(&from->opened->found[index])
	    : TEXT("");
	const struct builtin_setup setup = {
	    .config = c,
	    .server = &s->server,
	    .mime = &s->mime,
	    .cache = &s->cache,
	    .earlier = s->mounts,
	    .earlier_count = s->mount_count,
	    .opened = opened != NULL ? *opened : -1,
	    .found = opened != NULL ? &found : NULL,
	    .granted = opened != NULL ? &from->opened->granted[index] : NULL,
	};
	struct tined_mount m = {
	    .prefix = copy_prefix(wanted->prefix),
	    .index = index,
	    .module = find_handler(wanted->kind),
	    .setup = &setup,
	    .kind = wanted->kind,
	    .argument = wanted->arg,
	    .why = why,
	};
	int result;

	m.length = strlen(m.prefix);
	m.write_mode = c->write_mode;
	result = begin_mount(s, &m, wanted);
	/* The mount has it, or has failed and closed it. */
	if (opened != NULL && m.directory == *opened)
		*opened = -1;
	if (result == -1)
		return -1;
	m.setup = NULL;
	s->mounts =
	    memory_resize(s->mounts, s->mount_count + 1, sizeof(s->mounts[0]));
	s->mounts[s->mount_count++] = m;
	s->takes_any_method |= (m.methods & METHOD_OTHER) != 0;
	return 0;
}

static void
site_tell(const struct site_source *from, const char *path)
{
	if (from->tell != NULL)
		from->tell(path);
}

static int
add_mounts(struct site *s, const struct config *c,
    const struct site_source *from, struct buffer *why)
{
	for (size_t i = 0; i < c->mounts.count; i++) {
		const struct config_mount *m = &c->mounts.at[i];

		/* DIR is mounted as file: at /. */
		if (strcmp(m->prefix, "/") != 0 || strcmp(m->kind, "file") != 0)
			buffer_printf(why, "--mount %s: ", m->prefix);
		site_tell(from, m->arg);
		if (add_mount(s, c, i, from, why) == -1)
			return -1;
		buffer_clear(why);
	}
	return 0;
}

/* The last one given counts. */
static int
set_write_modes(struct site *s, const struct config *c, struct buffer *why)
{
	for (size_t i = 0; i < c->write_modes.count; i++) {
		const struct config_mount_mode *wanted = &c->write_modes.at[i];
		char *prefix = copy_prefix(wanted->prefix);
		struct tined_mount *m = find_mount(s, prefix);

		free(prefix);
		if (m == NULL) {
			buffer_printf(why,
			    "--write-mode %s: nothing is mounted there",
			    wanted->prefix);
			errno = EINVAL;
			return -1;
		}
		m->write_mode = wanted->mode;
	}
	return 0;
}

static int
site_compare(const void *a, const void *b)
{
	const struct tined_mount *x = a, *y = b;

	return (x->length < y->length) - (x->length > y->length);
}

static int
read_open_file(struct buffer *b, int fd, size_t max)
{
	ssize_t n;

	do {
		n = read(
		    fd, buffer_reserve(b, max + 1 - b->len), max + 1 - b->len);
		if (n > 0)
			b->len += (size_t)n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	if (n == 0 && b->len > max)
		errno = EFBIG;
	return n == -1 || b->len > max ? -1 : 0;
}

/* Returns NULL, or the reason of the failure. */
static const char *
site_read_file(struct buffer *b, const char *path, size_t max)
{
	/* Must not block on a FIFO. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *why = NULL;
	struct stat st;

	if (fd == -1)
		return strerror(errno);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		why = "not a regular file";
	else if (read_open_file(b, fd, max) == -1)
		why = strerror(errno);
	close(fd);
	return why;
}

static int
add_page(struct site *s, const struct config_page *wanted,
    struct buffer *opened, struct buffer *why)
{
	struct site_page page = {.status = wanted->status};
	const char *words = NULL;

	if (opened != NULL) {
		page.bytes = *opened;
		*opened = (struct buffer){0};
	} else {
		words =
		    site_read_file(&page.bytes, wanted->file, ERROR_PAGE_MAX);
	}
	if (words != NULL) {
		buffer_printf(why, "--error-page %d=%s: %s", wanted->status,
		    wanted->file, words);
		buffer_free(&page.bytes);
		errno = EACCES; /* not EINVAL: the command line is correct */
		return -1;
	}
	page.type = media_type_type(&s->mime, wanted->file);
	s->pages =
	    memory_resize(s->pages, s->page_count + 1, sizeof(s->pages[0]));
	s->pages[s->page_count++] = page;
	return 0;
}

static int
add_pages(struct site *s, const struct config *c,
    const struct site_source *from, struct buffer *why)
{
	for (size_t i = 0; i < c->error_pages.count; i++) {
		const struct config_page *page = &c->error_pages.at[i];

		site_tell(from, page->file);
		if (add_page(s, page,
			from->opened != NULL ? &from->opened->pages[i] : NULL,
			why) == -1)
			return -1;
	}
	return 0;
}

/* The types that tined knows itself are enough to go on with. */
static void
read_types(struct buffer *types)
{
	const char *why =
	    site_read_file(types, MEDIA_TYPE_SYSTEM_FILE, TYPES_MAX);

	if (why == NULL)
		return;
	buffer_free(types);
	if (access(MEDIA_TYPE_SYSTEM_FILE, F_OK) == 0)
		log_warning("%s: %s: its media types are not used",
		    MEDIA_TYPE_SYSTEM_FILE, why);
}

static void
load_types(struct site *s, const struct site_source *from)
{
	struct buffer own = {0};
	struct buffer *types = from->types != NULL ? from->types : &own;

	if (from->opened != NULL) {
		types = &from->opened->types;
	} else {
		site_tell(from, MEDIA_TYPE_SYSTEM_FILE);
		read_types(types);
	}
	media_type_load(&s->mime, buffer_text(types));
	buffer_free(&own);
}

void
site_opened_init(struct site_opened *o, const struct config *c)
{
	*o = (struct site_opened){
	    .mount_count = c->mounts.count,
	    .page_count = c->error_pages.count,
	    .identity.root = -1,
	};
	o->directories =
	    memory_get_array(o->mount_count, sizeof(o->directories[0]));
	o->found = memory_get_array(o->mount_count, sizeof(o->found[0]));
	o->granted = memory_get_array(o->mount_count, sizeof(o->granted[0]));
	o->pages = memory_get_array(o->page_count, sizeof(o->pages[0]));
	for (size_t i = 0; i < o->mount_count; i++)
		o->directories[i] = -1;
}

static void
close_granted(struct privilege_needs *granted)
{
	for (size_t i = 0; i < granted->directory_count; i++)
		close(granted->directories[i].fd);
	privilege_free_needs(granted);
}

void
site_opened_free(struct site_opened *o)
{
	for (size_t i = 0; i < o->mount_count; i++) {
		if (o->directories[i] != -1)
			close(o->directories[i]);
		buffer_free(&o->found[i]);
		close_granted(&o->granted[i]);
	}
	for (size_t i = 0; i < o->page_count; i++)
		buffer_free(&o->pages[i]);
	buffer_free(&o->types);
	buffer_free(&o->identity.found);
	if (o->identity.root != -1)
		close(o->identity.root);
	free(o->directories);
	free(o->found);
	free(o->granted);
	free(o->pages);
	*o = (struct site_opened){.identity.root = -1};
}

int
site_init(struct site *s, const struct config *c,
    const struct status_sources *server, const struct site_source *from,
    struct buffer *why)
{
	*s = (struct site){.server = *server};
	response_cache_init(&s->cache, c->cache_time, c->cache_size);
	load_types(s, from);
	if (add_mounts(s, c, from, why) == -1 ||
	    set_write_modes(s, c, why) == -1)
		return -1;
	qsort(s->mounts, s->mount_count, sizeof(s->mounts[0]), site_compare);
	if (add_pages(s, c, from, why) == -1)
		return -1;
	for (size_t i = 0; i < c->headers.count; i++)
		buffer_printf(&s->fields, "%s\r\n", c->headers.at[i]);
	return 0;
}

void
site_free(struct site *s)
{
	for (size_t i = 0; i < s->mount_count; i++)
		mount_end(&s->mounts[i]);
	for (size_t i = 0; i < s->page_count; i++)
		buffer_free(&s->pages[i].bytes);
	free(s->mounts);
	free(s->pages);
	buffer_free(&s->fields);
	media_type_free(&s->mime);
	response_cache_free(&s->cache);
	*s = (struct site){0};
}

const struct tined_mount *
site_route(const struct site *s, struct text path, struct text *rest)
{
	for (size_t i = 0; i < s->mount_count; i++) {
		const struct tined_mount *m = &s->mounts[i];
		struct text prefix = {m->prefix, m->length};

		if (!text_begins(path, prefix))
			continue;
		*rest =
		    (struct text){path.at + m->length, path.len - m->length};
		if (rest->len == 0 || rest->at[0] == '/')
			return m;
	}
	return NULL;
}

int
site_start(const struct site *s)
{
	for (size_t i = 0; i < s->mount_count; i++)
		if (mount_start(&s->mounts[i]) == -1) {
			while (i-- > 0)
				mount_stop(&s->mounts[i]);
			return -1;
		}
	return 0;
}

void
site_stop(const struct site *s)
{
	for (size_t i = 0; i < s->mount_count; i++)
		mount_stop(&s->mounts[i]);
}

static void
close_once(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
site_close_directories(struct site *s)
{
	for (size_t i = 0; i < s->mount_count; i++) {
		struct tined_mount *m = &s->mounts[i];

		close_once(&m->directory);
		for (size_t k = 0; k < m->directory_count; k++)
			close_once(&m->directories[k].fd);
	}
}

bool
site_spools(const struct site *s)
{
	bool spools = false;

	for (size_t i = 0; i < s->mount_count; i++)
		spools |= s->mounts[i].spools;
	return spools;
}

void
site_add_needs(const struct site *s, struct privilege_needs *needs)
{
	for (size_t i = 0; i < s->mount_count; i++) {
		const struct tined_mount *m = &s->mounts[i];

		needs->more |= m->needs;
		if (m->write_mode == CONFIG_WRITE_CORK)
			needs->more |= PRIVILEGE_CORK;
		if (m->directory != -1)
			privilege_need_directory(
			    needs, m->directory, PRIVILEGE_READ);
		for (size_t k = 0; k < m->directory_count; k++)
			privilege_need_directory(needs, m->directories[k].fd,
			    m->directories[k].needs);
	}
}

void
site_add_page(const struct site *s, struct response *r)
{
	for (size_t i = 0; i < s->page_count; i++) {
		const struct site_page *page = &s->pages[i];

		if (r->status != page->status)
			continue;
		response_field(r, TEXT("Content-Type"), text_of(page->type));
		response_no_sniffing(r);
		response_add_bytes(r, page->bytes.data, page->bytes.len);
		return;
	}
	response_add_page(r);
}
