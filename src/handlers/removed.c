#include "base/log.h"
#include "handlers/builtin.h"
#include "handlers/removed.h"

void
removed_log(bool *told, const char *path)
{
	if (!*told)
		log_error("the directory %s was removed: requests for it get "
			  "503 until a directory of that name exists again and "
			  "a reload opens it",
		    path);
	*told = true;
}

void
removed_tell(bool *told, const char *path, struct tined_exchange *x)
{
	removed_log(told, path);
	builtin_want_reload(x);
}
