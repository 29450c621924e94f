/*
 * Records of FastCGI: what the reader tells of them piece by piece against one
 * look at the whole; and what is written for an application, read again.
 */
#include <string.h>

#include "fuzz.h"
#include "handlers/fcgi_record.h"

#define HEADER 8
#define OUT 6
#define ERR 7
#define END 3

/* What an answer comes to. */
struct answer {
	char *out, *err; /* as large as the input */
	size_t out_len, err_len;
	bool ended, wrong;
};

static char *
get(size_t size)
{
	char *p = malloc(size + 1);

	if (p == NULL)
		abort();
	return p;
}

static void
answer_begin(struct answer *a, size_t size)
{
	*a = (struct answer){.out = get(size), .err = get(size)};
}

static void
answer_free(struct answer *a)
{
	free(a->out);
	free(a->err);
}

/* A header says enough to be refused. */
static bool
is_refused(const uint8_t *h, bool out_ended, bool err_ended)
{
	size_t length = h[4] * 256u + h[5];

	if (h[0] != 1 || h[2] != 0 || h[3] != 1)
		return true;
	if (h[1] == OUT)
		return out_ended;
	if (h[1] == ERR)
		return err_ended;
	return h[1] != END || length != HEADER;
}

/* FastCGI 1.0, 3.3 and 5.5, over all bytes at once. */
static void
read_whole(struct answer *a, const uint8_t *bytes, size_t size)
{
	bool out_ended = false, err_ended = false;
	size_t at = 0;

	while (size - at >= HEADER && !a->ended) {
		const uint8_t *h = bytes + at, *content = h + HEADER;
		size_t length = h[4] * 256u + h[5], have = size - at - HEADER;
		size_t n = have < length ? have : length;

		a->wrong = is_refused(h, out_ended, err_ended);
		if (a->wrong)
			return;
		if (h[1] == OUT) {
			memcpy(a->out + a->out_len, content, n);
			a->out_len += n;
			out_ended = length == 0;
		} else if (h[1] == ERR) {
			memcpy(a->err + a->err_len, content, n);
			a->err_len += n;
			err_ended = length == 0;
		}
		if (have < length + h[6])
			return;
		a->wrong = h[1] == END && content[4] > 3;
		if (a->wrong)
			return;
		a->ended = h[1] == END;
		at += HEADER + length + h[6];
	}
	a->wrong = a->ended && at < size;
}

static bool
tell(struct answer *a, struct fcgi_record_reader *r, struct text *t)
{
	struct text piece = {NULL, 0};
	const char *before = t->at, *end = t->at + t->len;

	switch (fcgi_record_read(r, t, &piece)) {
	case FCGI_RECORD_OUT:
		memcpy(a->out + a->out_len, piece.at, piece.len);
		a->out_len += piece.len;
		break;
	case FCGI_RECORD_ERR:
		memcpy(a->err + a->err_len, piece.at, piece.len);
		a->err_len += piece.len;
		break;
	case FCGI_RECORD_ENDED:
		a->ended = true;
		break;
	case FCGI_RECORD_WRONG:
		FUZZ_CHECK(r->mistake != NULL, "it does not say what");
		a->wrong = true;
		return false;
	case FCGI_RECORD_MORE:
		FUZZ_CHECK(t->len == 0, "%zu bytes are left", t->len);
		return false;
	}
	FUZZ_CHECK(t->at > before && t->at <= end, "where it is");
	FUZZ_CHECK(piece.len == 0 ||
		(piece.at >= before && piece.at + piece.len == t->at),
	    "where the piece is");
	return t->len > 0;
}

static void
read_in_pieces(struct answer *a, const uint8_t *bytes, size_t size)
{
	struct fcgi_record_reader r = {0};
	uint32_t seed = fuzz_hash(bytes, size);
	size_t most = 1 + fuzz_below(&seed, 3) * fuzz_below(&seed, size + 1);

	for (size_t at = 0, n; at < size && !a->wrong; at += n) {
		char *copy;
		struct text t;

		n = 1 + fuzz_below(&seed, most);
		if (n > size - at)
			n = size - at;
		copy = fuzz_copy(bytes + at, n);
		t = (struct text){copy, n};
		while (tell(a, &r, &t))
			continue;
		free(copy);
	}
}

static void
check_answer(const uint8_t *bytes, size_t size)
{
	struct answer want, got;

	answer_begin(&want, size);
	answer_begin(&got, size);
	read_whole(&want, bytes, size);
	read_in_pieces(&got, bytes, size);
	FUZZ_CHECK(want.wrong == got.wrong, "wrong is %d", got.wrong);
	FUZZ_CHECK(want.ended == got.ended, "ended is %d", got.ended);
	FUZZ_CHECK(want.out_len == got.out_len &&
		memcmp(want.out, got.out, got.out_len) == 0,
	    "%zu and %zu bytes of output", want.out_len, got.out_len);
	FUZZ_CHECK(want.err_len == got.err_len &&
		memcmp(want.err, got.err, got.err_len) == 0,
	    "%zu and %zu bytes of errors", want.err_len, got.err_len);
	answer_free(&want);
	answer_free(&got);
}

static size_t
length_at(const uint8_t **at)
{
	const uint8_t *p = *at;

	*at += p[0] < 128 ? 1 : 4;
	if (p[0] < 128)
		return p[0];
	return ((size_t)p[0] & 127) << 24 | (size_t)p[1] << 16 |
	    (size_t)p[2] << 8 | p[3];
}

/* The input, cut in two, is a name and a value. */
static void
check_pair(const uint8_t *bytes, size_t size)
{
	uint32_t seed = fuzz_hash(bytes, size);
	size_t cut = fuzz_below(&seed, size + 1);
	struct text name = {(const char *)bytes, cut};
	struct text value = {(const char *)bytes + cut, size - cut};
	struct buffer pair = {0};
	const uint8_t *at;

	fcgi_record_add_pair(&pair, name, value);
	at = (const uint8_t *)pair.data;
	FUZZ_CHECK(length_at(&at) == name.len, "the length of the name");
	FUZZ_CHECK(length_at(&at) == value.len, "the length of the value");
	FUZZ_CHECK(at + size == (const uint8_t *)pair.data + pair.len &&
		memcmp(at, bytes, size) == 0,
	    "the pair");
	buffer_free(&pair);
}

/* As an answer, it is what it was. */
static void
check_content(const uint8_t *bytes, size_t size)
{
	struct text content = {(const char *)bytes, size};
	struct buffer records = {0};
	struct answer a;

	fcgi_record_add_content(&records, FCGI_RECORD_STDOUT, content);
	fcgi_record_add_end(&records, FCGI_RECORD_STDOUT);
	answer_begin(&a, records.len);
	read_in_pieces(&a, (const uint8_t *)records.data, records.len);
	FUZZ_CHECK(
	    !a.wrong && a.out_len == size && memcmp(a.out, bytes, size) == 0,
	    "%zu bytes", a.out_len);
	answer_free(&a);
	buffer_free(&records);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t none[1];

	if (data == NULL)
		data = none;
	check_answer(data, size);
	check_pair(data, size);
	check_content(data, size);
	return 0;
}
