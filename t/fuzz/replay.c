/* Gives the files and folders that it is called with to a target, in turn. */
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <string.h>

#include "fuzz.h"

static void
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, n;

	if (f == NULL)
		err(1, "%s", path);
	do {
		data = realloc(data, size + 65536);
		if (data == NULL)
			err(1, "%s", path);
		n = fread(data + size, 1, 65536, f);
		size += n;
	} while (n > 0);
	if (ferror(f))
		err(1, "%s", path);
	fclose(f);
	/* If it is the last thing to be heard of it, it is the finding. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static size_t
replay(const char *path)
{
	struct dirent *entry;
	struct stat st;
	size_t count = 0;
	char name[4096];
	DIR *dir;

	if (stat(path, &st) == -1)
		err(1, "%s", path);
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path);
		return 1;
	}
	dir = opendir(path);
	if (dir == NULL)
		err(1, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		count += replay(name);
	}
	closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++)
		count += replay(argv[i]);
	printf("%zu inputs\n", count);
	return 0;
}
