#include <string.h>

#include "guard.h"
#include "handlers/proxy_request.h"
#include "handlers/proxy_target.h"
#include "http/request_head.h"
#include "http/uri.h"
#include "unit.h"

static struct request r;
static struct buffer path, out;
static struct proxy_paths paths;

void
unit_tear_down(void)
{
	buffer_free(&path);
	buffer_free(&out);
}

static void
parse(const char *head)
{
	size_t len = strlen(head);

	r.takes_any_method = true;
	ck_assert_int_eq(request_head_parse(guard_copy(head, len), len, &r), 0);
	r.ambiguous_path = uri_decode_path(r.raw_path, &path);
	r.path = buffer_text(&path);
}

/* base NULL: the path stays. */
static void
mount_at(const char *prefix, const char *base)
{
	paths = (struct proxy_paths){.prefix = text_of(prefix)};
	paths.has_base = base != NULL;
	if (base != NULL)
		paths.base = text_of(base);
}

/* The decoded path below the prefix, as site_route finds it. */
static struct text
below(void)
{
	return (struct text){
	    r.path.at + paths.prefix.len, r.path.len - paths.prefix.len};
}

static const char *
target(const char *sent)
{
	struct buffer head = {0};
	bool known;

	buffer_printf(&head, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", sent);
	parse(buffer_string(&head));
	buffer_free(&head);
	buffer_clear(&out);
	known = proxy_target_add(&out, &paths, &r, below());
	return known ? buffer_string(&out) : "400";
}

TEST(a_path_stays_as_it_is)
{
	mount_at("", NULL);
	ck_assert_str_eq(target("/"), "/");
	ck_assert_str_eq(
	    target("/a%20b//c;x=1/%2fd?e=%zz&f"), "/a%20b//c;x=1/%2fd?e=%zz&f");
	ck_assert_str_eq(target("/a?"), "/a?");
	ck_assert_str_eq(target("http://b/c?d"), "/c?d");
	ck_assert_str_eq(target("/...;/.a/a."), "/...;/.a/a.");
	mount_at("/app", NULL);
	ck_assert_str_eq(target("/app/x"), "/app/x");
	ck_assert_str_eq(target("/%61pp/x"), "/%61pp/x");
}

TEST(a_base_takes_the_place_of_the_prefix)
{
	mount_at("/app", "/base");
	ck_assert_str_eq(target("/app"), "/base");
	ck_assert_str_eq(target("/app/"), "/base/");
	ck_assert_str_eq(target("/app?x"), "/base?x");
	ck_assert_str_eq(target("/app/a%2Fb?x"), "/base/a%2Fb?x");
	ck_assert_str_eq(target("/%61pp/b%20c"), "/base/b%20c");
	ck_assert_str_eq(target("/%61pp/b%2fc"), "400");
	mount_at("/app", "");
	ck_assert_str_eq(target("/app"), "/");
	ck_assert_str_eq(target("/app//evil/x"), "/evil/x");
	ck_assert_str_eq(target("/%61pp"), "/");
	mount_at("", "/base");
	ck_assert_str_eq(target("/x"), "/base/x");
	ck_assert_str_eq(target("/"), "/base/");
}

TEST(the_server_reads_the_path_that_the_mount_was_found_by)
{
	mount_at("/app", "/base");
	ck_assert_str_eq(target("/x/../app/y"), "/base/y");
	ck_assert_str_eq(target("/app/x/../y"), "/base/y");
	ck_assert_str_eq(target("/app/x/%2e%2E/y%20z"), "/base/y%20z");
	ck_assert_str_eq(target("/app/x/..%2fy"), "400");
	ck_assert_str_eq(target("/app/x%2f../y"), "400");
	ck_assert_str_eq(target("/app/x/..;/y"), "400");
	ck_assert_str_eq(target("/app/x/%2e%2e%3ba=b/y"), "400");
	ck_assert_str_eq(target("/app/x%5c..%5cy"), "400");
	ck_assert_str_eq(target("/app/..%5c..%5cy"), "400");
	mount_at("/app", NULL);
	ck_assert_str_eq(target("/x/../app/y"), "/app/y");
	ck_assert_str_eq(target("/app/./y"), "/app/y");
	ck_assert_str_eq(target("/app/..%5cy"), "400");
	ck_assert_str_eq(target("/app/x/..%2fy"), "400");
}

static const char *
location(const char *value)
{
	const struct text own[] = {TEXT("up:8000"), TEXT("www.example")};

	buffer_clear(&out);
	return proxy_target_rewrite(&out, &paths, text_of(value), own, 2)
	    ? buffer_string(&out)
	    : "as it is";
}

TEST(locations_are_those_of_the_mount)
{
	mount_at("/app", "/base");
	ck_assert_str_eq(location("/base/x?y#z"), "/app/x?y#z");
	ck_assert_str_eq(location("/base"), "/app");
	ck_assert_str_eq(location("http://up:8000/base/x"), "/app/x");
	ck_assert_str_eq(location("http://www.example/base/x"), "/app/x");
	ck_assert_str_eq(location("/bases/x"), "as it is");
	ck_assert_str_eq(location("/x"), "as it is");
	ck_assert_str_eq(location("x"), "as it is");
	ck_assert_str_eq(location(""), "as it is");
	ck_assert_str_eq(location("//up:8000/base/x"), "as it is");
	ck_assert_str_eq(location("http://up:80001/base/x"), "as it is");
	ck_assert_str_eq(location("https://up:8000/base/x"), "as it is");
	mount_at("/app", "");
	ck_assert_str_eq(location("/x"), "/app/x");
	ck_assert_str_eq(location("http://up:8000"), "/app/");
	mount_at("/app", NULL);
	ck_assert_str_eq(location("/app/x"), "as it is");
	ck_assert_str_eq(location("http://up:8000/app/x"), "/app/x");
	ck_assert_str_eq(location("http://up:8000"), "/");
}

TEST(locations_with_a_query_behind_the_base)
{
	mount_at("/app", "/base");
	ck_assert_str_eq(location("/base?x/y"), "/app?x/y");
	ck_assert_str_eq(location("/base#x"), "/app#x");
	ck_assert_str_eq(location("http://up:8000/base?x"), "/app?x");
	ck_assert_str_eq(location("http://up:8000?x"), "as it is");
	mount_at("/app", "");
	ck_assert_str_eq(location("http://up:8000?x"), "/app/?x");
	ck_assert_str_eq(location("http://up:8000#x"), "/app/#x");
	mount_at("", "/base");
	ck_assert_str_eq(location("/base?x"), "/?x");
	mount_at("/app", NULL);
	ck_assert_str_eq(location("http://up:8000?x"), "/?x");
}

/* The path must not become the authority of another server. */
TEST(locations_lead_to_this_server)
{
	mount_at("", "/base");
	ck_assert_str_eq(location("/base//evil"), "/evil");
	ck_assert_str_eq(location("/base/\\evil"), "/evil");
	ck_assert_str_eq(location("/base/\t/evil"), "/evil");
	mount_at("", "");
	ck_assert_str_eq(location("http://up:8000//evil"), "/evil");
	ck_assert_str_eq(location("//evil/x"), "as it is");
	mount_at("/app", "");
	ck_assert_str_eq(location("http://up:8000//x"), "/app//x");
	mount_at("/app", NULL);
	ck_assert_str_eq(location("http://up:8000//evil"), "/evil");
}

static struct proxy_request p;

static const char *
request(const char *head)
{
	parse(head);
	mount_at("", NULL);
	p.request = &r;
	p.paths = &paths;
	p.below = r.path;
	p.host = r.host;
	p.scheme = TEXT("http");
	buffer_clear(&out);
	ck_assert(proxy_request_add(&out, &p));
	return buffer_string(&out);
}

TEST(fields_of_the_connection_end_here)
{
	p.forwarded = PROXY_FORWARDED_NONE;
	ck_assert_str_eq(
	    request("GET /a HTTP/1.1\r\nHost: www\r\nX-One: 1\r\n"
		    "Connection: X-Two, Upgrade, keep-alive\r\nx-two: 2\r\n"
		    "Upgrade: websocket\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
		    "Proxy-Connection: x\r\nProxy: x\r\nTrailer: x\r\n"
		    "Expect: 100-continue\r\nX-Three: 3\r\n\r\n"),
	    "GET /a HTTP/1.1\r\nHost: www\r\nX-One: 1\r\nX-Three: 3\r\n"
	    "Via: 1.1 tined\r\n\r\n");
	p.closes = p.expects_continue = true;
	ck_assert_str_eq(
	    request("REPORT /a HTTP/1.0\r\nHost: www\r\nVia: 1.1 x\r\n"
		    "Content-Length: 3\r\n\r\n"),
	    "REPORT /a HTTP/1.1\r\nHost: www\r\nVia: 1.1 x\r\n"
	    "Content-Length: 3\r\nExpect: 100-continue\r\n"
	    "Connection: close\r\nVia: 1.0 tined\r\n\r\n");
	p.closes = p.expects_continue = false;
	ck_assert_str_eq(request("POST / HTTP/1.1\r\nHost: www\r\n"
				 "Transfer-Encoding: CHUNKED\r\n\r\n"),
	    "POST / HTTP/1.1\r\nHost: www\r\n"
	    "Transfer-Encoding: chunked\r\nVia: 1.1 tined\r\n\r\n");
}

#define CLIENTS_WORD                                                           \
	"GET / HTTP/1.1\r\nHost: www\r\nX-Forwarded-For: 1.1.1.1\r\n"          \
	"x_forwarded-for: 2.2.2.2\r\nX-Forwarded-Port: 1\r\n"                  \
	"Forwarded: for=3.3.3.3\r\nX-REAL-IP: 4.4.4.4\r\n"                     \
	"X-Forwarded-Proto: https\r\nX-Forwarded-For: 5.5.5.5\r\n\r\n"

TEST(what_a_client_says_of_itself_is_not_believed)
{
	p.forwarded = PROXY_FORWARDED_REPLACE;
	p.client = TEXT("9.9.9.9");
	ck_assert_str_eq(request(CLIENTS_WORD),
	    "GET / HTTP/1.1\r\nHost: www\r\nX-Forwarded-For: 9.9.9.9\r\n"
	    "X-Forwarded-Proto: http\r\nX-Forwarded-Host: www\r\n"
	    "Via: 1.1 tined\r\n\r\n");
	p.client.len = 0;
	ck_assert_str_eq(request(CLIENTS_WORD),
	    "GET / HTTP/1.1\r\nHost: www\r\nX-Forwarded-Proto: http\r\n"
	    "X-Forwarded-Host: www\r\nVia: 1.1 tined\r\n\r\n");
	p.forwarded = PROXY_FORWARDED_NONE;
	ck_assert_str_eq(request(CLIENTS_WORD),
	    "GET / HTTP/1.1\r\nHost: www\r\nVia: 1.1 tined\r\n\r\n");
}

TEST(a_proxy_is_believed_if_asked)
{
	p.forwarded = PROXY_FORWARDED_APPEND;
	p.client = TEXT("::9");
	ck_assert_str_eq(request(CLIENTS_WORD),
	    "GET / HTTP/1.1\r\nHost: www\r\n"
	    "X-Forwarded-For: 1.1.1.1, 5.5.5.5, ::9\r\n"
	    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: www\r\n"
	    "Forwarded: for=3.3.3.3, for=\"[::9]\";proto=http\r\n"
	    "Via: 1.1 tined\r\n\r\n");
	p.client = (struct text){"", 0};
	ck_assert_str_eq(request("GET / HTTP/1.1\r\nHost: www\r\n"
				 "X-Forwarded-For: 1.1.1.1\r\n\r\n"),
	    "GET / HTTP/1.1\r\nHost: www\r\nX-Forwarded-For: 1.1.1.1\r\n"
	    "X-Forwarded-Proto: http\r\nX-Forwarded-Host: www\r\n"
	    "Via: 1.1 tined\r\n\r\n");
}
