#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"

char *
path_absolute(const char *path)
{
	char *folder = *path != '/' ? get_current_dir_name() : NULL;
	char *whole = folder != NULL ? memory_printf("%s/%s", folder, path)
				     : memory_copy_string(path);

	free(folder);
	return whole;
}

void
path_make_absolute(char **path)
{
	char *whole = path_absolute(*path);

	free(*path);
	*path = whole;
}
