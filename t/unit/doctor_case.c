#include <sys/stat.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "doctor_case.h"

#define SETTINGS "/proc/sys/"
#define DESCRIPTORS 8 /* of nftw */

struct host host;
struct config config;

static char root[] = "/tmp/check_doctor-XXXXXX";

void
doctor_case_begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(root));
	host = (struct host){.root = root};
	config_init(&config);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

void
doctor_case_end(void)
{
	config_free(&config);
	ck_assert_int_eq(
	    nftw(root, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
}

void
host_has(const char *path, const char *text)
{
	char *whole = memory_printf("%s%s", root, path);
	FILE *file;

	for (char *p = whole + strlen(root) + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(whole, 0700);
			*p = '/';
		}
	file = fopen(whole, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	free(whole);
}

void
host_sets(const char *name, const char *value)
{
	char *path = memory_printf(SETTINGS "%s", name);
	char *line = memory_printf("%s\n", value);

	for (char *p = path; *p != '\0'; p++)
		if (*p == '.')
			*p = '/';
	host_has(path, line);
	free(path);
	free(line);
}

void
doctor_case_expect(doctor_check *check, enum verdict verdict, const char *words,
    const char *mend)
{
	struct finding f = {.name = "check", .verdict = VERDICT_COUNT};
	const char *said;

	check(&host, &config, &f);
	said = buffer_string(&f.words);
	ck_assert_msg(
	    f.verdict == verdict, "verdict %d: %s", (int)f.verdict, said);
	ck_assert_msg(
	    strstr(said, words) != NULL, "not \"%s\": %s", words, said);
	ck_assert_str_eq(buffer_string(&f.mend), mend);
	finding_free(&f);
}
