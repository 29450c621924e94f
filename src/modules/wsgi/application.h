/*
 * application: a WSGI application as it is mounted: what the command line says of
 * it, and the Python object that is called for each request.
 */
#ifndef TINED_MODULES_WSGI_APPLICATION_H
#define TINED_MODULES_WSGI_APPLICATION_H

#include "modules/wsgi/python.h"

#include <stdbool.h>
#include <stddef.h>

struct application {
	char *module;	/* "package.module" */
	char *callable; /* "name" or "object.name" in it */
	char **paths;	/* directories for sys.path, absolute */
	size_t path_count;
	char *home;	     /* of a virtual environment, absolute; or NULL */
	const char *prefix;  /* of the mount */
	bool factory;	     /* the callable returns the application */
	PyObject *object;    /* the application; NULL before it is loaded */
	PyObject *prototype; /* of the environment of a request */
	struct application *next; /* that is loaded in this process */
};

/* Takes "MODULE:CALLABLE" apart.  -1 with EINVAL if it has another form. */
int application_parse(struct application *a, const char *name);
/* Imports it, in an interpreter that has begun.  -1: the log says why. */
int application_load(struct application *a);
/* Forgets it; the caller holds the GIL. */
void application_unload(struct application *a);
/* True if none is loaded any more. */
bool application_is_last(void);
void application_free(struct application *a);

#endif
