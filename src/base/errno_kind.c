#include <errno.h>

#include "base/errno_kind.h"

bool
errno_is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == ENOBUFS;
}
