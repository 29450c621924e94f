#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "http/media_type.h"
#include "unit.h"

static struct media_type mime;

static void
load(const char *lines)
{
	media_type_load(
	    &mime, (struct text){guard_string(lines), strlen(lines)});
}

void
unit_tear_down(void)
{
	media_type_free(&mime);
}

static void
assert_type(const char *name, const char *type)
{
	ck_assert_str_eq(media_type_type(&mime, guard_string(name)), type);
}

TEST(no_lines_leave_the_built_in_types)
{
	media_type_load(&mime, (struct text){NULL, 0});
	assert_type("index.html", "text/html; charset=utf-8");
	assert_type("a/b.css", "text/css; charset=utf-8");
	assert_type("a.js", "text/javascript; charset=utf-8");
	assert_type("a.svg", "image/svg+xml");
	assert_type("a.wasm", "application/wasm");
	assert_type("a.woff2", "font/woff2");
}

TEST(what_is_not_known_is_application_octet_stream)
{
	load("");
	assert_type("a.unknown", "application/octet-stream");
	assert_type("a", "application/octet-stream");
	assert_type("", "application/octet-stream");
	assert_type("a.", "application/octet-stream");
	assert_type("html", "application/octet-stream");
	assert_type("a.html~", "application/octet-stream");
}

TEST(the_extension_is_behind_the_last_dot_of_the_last_segment)
{
	load("");
	assert_type("a.html.png", "image/png");
	assert_type("a.html/b", "application/octet-stream");
	assert_type("/a.b/c.png", "image/png");
	assert_type("a.tar.gz", "application/gzip");
}

TEST(extensions_compare_without_case)
{
	load("model/x XYz\n");
	assert_type("A.HTML", "text/html; charset=utf-8");
	assert_type("a.xyZ", "model/x");
}

TEST(a_long_extension_is_unknown_and_harms_nothing)
{
	char name[300] = "a.";

	load("");
	for (size_t len = 2; len < sizeof(name) - 1; len++) {
		name[len] = 'x';
		assert_type(name, "application/octet-stream");
	}
}

TEST(types_of_the_file_are_added)
{
	load("# comment x\n\nmodel/a\t\taa  ab\nmodel/none\nmodel/b ba\n"
	     "text/c ca");
	assert_type("x.aa", "model/a");
	assert_type("x.ab", "model/a");
	assert_type("x.ba", "model/b");
	assert_type("x.ca", "text/c; charset=utf-8");
	assert_type("x.comment", "application/octet-stream");
	assert_type("x.x", "application/octet-stream");
}

TEST(the_last_to_name_an_extension_counts_and_the_file_before_us)
{
	load("model/a same\nmodel/b same\nmodel/c html");
	assert_type("x.same", "model/b");
	assert_type("x.html", "model/c");
	assert_type("x.htm", "text/html; charset=utf-8");
}

TEST(types_that_are_others_on_the_web_are_passed_over)
{
	load("text/vnd.trolltech.linguist\t\tts\n");
	assert_type("a.ts", "video/mp2t");
	unit_tear_down();
	load("text/vnd.trolltech.linguist ts\ntext/typescript ts\n");
	assert_type("a.ts", "text/typescript; charset=utf-8");
	unit_tear_down();
	load("text/vnd.trolltech.linguistic x\n");
	assert_type("a.x", "text/vnd.trolltech.linguistic; charset=utf-8");
}

TEST(an_empty_table_knows_nothing)
{
	mime = (struct media_type){0};
	assert_type("a.html", "application/octet-stream");
}

TEST(names_for_people_are_plain_text)
{
	load("");
	assert_type("README", "text/plain; charset=utf-8");
	assert_type("/a/COPYING", "text/plain; charset=utf-8");
	assert_type("READMEX", "application/octet-stream");
}

TEST(a_table_of_many_is_found_in_whole)
{
	struct buffer lines = {0};
	char name[32], type[32];

	for (unsigned i = 0; i < 3000; i++)
		buffer_printf(&lines, "model/t%u y%u\n", i * 7919 % 3000,
		    i * 7919 % 3000);
	load(buffer_string(&lines));
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "a.y%u", i);
		snprintf(type, sizeof(type), "model/t%u", i);
		assert_type(name, type);
	}
	buffer_free(&lines);
}
