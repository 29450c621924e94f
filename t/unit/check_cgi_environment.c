#include <string.h>

#include "guard.h"
#include "handlers/cgi_environment.h"
#include "unit.h"

static struct cgi_environment e;

void
unit_tear_down(void)
{
	cgi_environment_free(&e);
}

static struct cgi_environment_field
field(const char *name, const char *value)
{
	return (struct cgi_environment_field){text_of(name), text_of(value)};
}

/* All variables, each in a line. */
static struct text
all(void)
{
	static struct buffer lines;

	buffer_clear(&lines);
	for (char **v = cgi_environment_list(&e); *v != NULL; v++)
		buffer_printf(&lines, "%s\n", *v);
	return buffer_text(&lines);
}

TEST(an_empty_environment_is_a_list)
{
	assert_text_eq(all(), "");
}

TEST(variables)
{
	cgi_environment_add(&e, "QUERY_STRING", TEXT(""));
	cgi_environment_add(&e, "PATH_INFO", TEXT("/a=b"));
	cgi_environment_add_number(&e, "CONTENT_LENGTH", 5368709120);
	assert_text_eq(all(),
	    "QUERY_STRING=\nPATH_INFO=/a=b\nCONTENT_LENGTH=5368709120\n");
	cgi_environment_clear(&e);
	assert_text_eq(all(), "");
}

TEST(fixed_variables_stay)
{
	cgi_environment_add(&e, "SERVER_NAME", TEXT("mine"));
	cgi_environment_add(&e, "PORT", TEXT(""));
	cgi_environment_fix(&e);
	cgi_environment_add(&e, "SERVER_NAME", TEXT("other"));
	cgi_environment_add_number(&e, "PORT", 1);
	cgi_environment_add(&e, "SERVER", TEXT("a"));
	cgi_environment_add(&e, "SERVER", TEXT("b"));
	assert_text_eq(all(), "SERVER_NAME=mine\nPORT=\nSERVER=a\nSERVER=b\n");
	cgi_environment_clear(&e);
	cgi_environment_add(&e, "PORT", TEXT("2"));
	assert_text_eq(all(), "PORT=2\n");
}

TEST(fields_are_variables)
{
	const struct cgi_environment_field fields[] = {
	    field("Host", "example.org"),
	    field("user-agent", "a b"),
	    field("Authorization", "Basic eA=="),
	    field("X-1", ""),
	};

	cgi_environment_add_fields(&e, fields, 4);
	assert_text_eq(all(),
	    "HTTP_HOST=example.org\nHTTP_USER_AGENT=a b\n"
	    "HTTP_AUTHORIZATION=Basic eA==\nHTTP_X_1=\n");
}

TEST(fields_of_one_name_are_a_list)
{
	const struct cgi_environment_field fields[] = {
	    field("Accept", "a"),
	    field("Cookie", "b=c"),
	    field("ACCEPT", "d"),
	    field("cookie", "e=f"),
	    field("accept", "g"),
	};

	cgi_environment_add_fields(&e, fields, 5);
	assert_text_eq(all(), "HTTP_ACCEPT=a, d, g\nHTTP_COOKIE=b=c; e=f\n");
}

TEST(fields_that_are_no_variables)
{
	const struct cgi_environment_field fields[] = {
	    field("Proxy", "http://evil.example"),
	    field("PROXY", "http://evil.example"),
	    field("Content-Length", "5"),
	    field("Content-Type", "a/b"),
	    field("Content_Length", "5"),
	    field("X_Forwarded_For", "::1"),
	    field("X-Forwarded_For", "::1"),
	    field("A.b", "c"),
	    field("A!", "c"),
	    field("Connection", "close"),
	    field("Keep-Alive", "5"),
	    field("TE", "trailers"),
	    field("Transfer-Encoding", "chunked"),
	    field("Upgrade", "h2c"),
	    field("Expect", "100-continue"),
	    field("Proxies", "are others"),
	};

	cgi_environment_add_fields(
	    &e, fields, sizeof(fields) / sizeof(fields[0]));
	assert_text_eq(all(), "HTTP_PROXIES=are others\n");
}

/* Nothing is read outside of what came from the client. */
TEST(random_fields)
{
	static const char alphabet[] = "aP-_,; ";
	struct cgi_environment_field fields[2];
	char bytes[16];

	for (int i = 0; i < 5000; i++) {
		for (size_t j = 0; j < 2; j++) {
			size_t len = 1 + unit_random_below(sizeof(bytes) - 1);

			unit_random_bytes(bytes, len, alphabet);
			fields[j].name =
			    (struct text){guard_copy(bytes, len), len};
			fields[j].value =
			    (struct text){guard_copy(bytes, len), len};
		}
		cgi_environment_clear(&e);
		cgi_environment_add_fields(&e, fields, 2);
		assert_quick(e.count <= 2);
	}
}
