#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/units.h"
#include "handlers/listing.h"
#include "http/uri.h"

struct entry {
	char *name; /* owned */
	bool directory;
	off_t size;
	time_t modified;
};

struct entries {
	struct entry *at;
	size_t count;
	bool more; /* there are more than the page shows */
};

static const char page_head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n";

static const char page_style[] =
    "<style>\n"
    ":root { color-scheme: light dark }\n"
    "body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; "
    "max-width: 56rem; padding: 0 1rem }\n"
    "h1 { font-size: 1.3rem; overflow-wrap: anywhere }\n"
    "table { border-collapse: collapse; width: 100% }\n"
    "th, td { border-bottom: 1px solid #8884; padding: .2rem 0 .2rem 1.5rem; "
    "text-align: right; vertical-align: baseline; white-space: nowrap }\n"
    "th { font-weight: normal }\n"
    "th, td + td { font-size: .9rem; font-variant-numeric: tabular-nums; "
    "opacity: .7 }\n"
    "th:first-child, td:first-child { overflow-wrap: anywhere; padding: .2rem "
    "0; text-align: left; white-space: normal; width: 100% }\n"
    "a { text-decoration: none }\n"
    "a:hover { text-decoration: underline }\n"
    "@media (max-width: 36rem) { :is(th, td):last-child { display: none } }\n"
    "</style>\n";

static const char page_columns[] =
    "<table>\n"
    "<tr><th>Name</th><th>Size</th><th>Changed (UTC)</th></tr>\n";

/* Looks only below the root, so that no link on the page is refused. */
static bool
listing_look_at(const struct directory *root, const char *directory,
    const char *name, struct stat *st)
{
	char *path = memory_printf("%s/%s", directory, name);
	int fd = directory_open_path(root, path);
	bool good;

	if (fd == -1 && errno == EXDEV)
		log_info("%s is not listed: a symbolic link leads out of the "
			 "directory (--follow-symlinks)",
		    path);
	free(path);
	if (fd == -1)
		return false;
	good = fstat(fd, st) == 0 &&
	    (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
	close(fd);
	return good;
}

static void
read_entries(struct entries *all, DIR *dir, const struct directory *root,
    const char *directory, bool dotfiles)
{
	struct dirent *d;
	struct stat st;

	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0 ||
		    (d->d_name[0] == '.' && !dotfiles) ||
		    !listing_look_at(root, directory, d->d_name, &st))
			continue;
		all->more = all->count == LISTING_ENTRIES_MAX;
		if (all->more)
			break;
		all->at = memory_grow(all->at, all->count, sizeof(all->at[0]));
		all->at[all->count++] = (struct entry){
		    .name = memory_copy_string(d->d_name),
		    .directory = S_ISDIR(st.st_mode),
		    .size = st.st_size,
		    .modified = st.st_mtime,
		};
	}
}

static int
listing_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->directory != y->directory)
		return x->directory ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
add_time(struct buffer *page, time_t t)
{
	char text[32];
	struct tm tm;

	/* The time may be beyond what gmtime_r can represent. */
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) == 0)
		return;
	buffer_add_string(page, text);
}

static void
add_entry(struct buffer *page, const struct entry *e)
{
	struct text name = text_of(e->name);
	const char *slash = e->directory ? "/" : "";

	buffer_add_string(page, "<tr><td><a href=\"");
	uri_encode_path(page, name);
	buffer_printf(page, "%s\">", slash);
	escape_html(page, name);
	buffer_printf(page, "%s</a></td><td>", slash);
	if (!e->directory)
		units_add_size(page, (uint64_t)e->size);
	buffer_add_string(page, "</td><td>");
	add_time(page, e->modified);
	buffer_add_string(page, "</td></tr>\n");
}

/* The limit does not include the head of the page. */
static void
listing_add_rows(struct buffer *page, const struct entries *all)
{
	size_t end = page->len + LISTING_BYTES_MAX;
	size_t i;

	for (i = 0; i < all->count && page->len < end; i++)
		add_entry(page, &all->at[i]);
	if (all->more || i < all->count)
		buffer_printf(page,
		    "<tr><td>There is more: this page shows %zu entries.</td>"
		    "<td></td><td></td></tr>\n",
		    i);
}

static void
listing_add_page(
    struct buffer *page, const struct entries *all, struct text path)
{
	buffer_add_string(page, page_head);
	buffer_add_string(page, "<title>");
	escape_html(page, path);
	buffer_add_string(page, "</title>\n");
	buffer_add_string(page, page_style);
	buffer_add_string(page, "<h1>");
	escape_html(page, path);
	buffer_add_string(page, "</h1>\n");
	buffer_add_string(page, page_columns);
	if (!text_equal(path, TEXT("/")))
		buffer_add_string(page,
		    "<tr><td><a href=\"../\">../</a></td><td></td><td></td>"
		    "</tr>\n");
	listing_add_rows(page, all);
	buffer_add_string(page, "</table>\n</html>\n");
}

int
listing_add(struct buffer *page, const struct directory *root, const char *name,
    int fd, struct text path, bool dotfiles)
{
	struct entries all = {0};
	DIR *dir = fdopendir(fd);

	if (dir == NULL) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	read_entries(&all, dir, root, name, dotfiles);
	closedir(dir);
	if (all.count > 0)
		qsort(all.at, all.count, sizeof(all.at[0]), listing_compare);
	listing_add_page(page, &all, path);
	for (size_t i = 0; i < all.count; i++)
		free(all.at[i].name);
	free(all.at);
	return 0;
}
