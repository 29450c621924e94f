#include "modules/wsgi/interpreter.h"

#include <sys/stat.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modules/wsgi/log_stream.h"

/*
 * faulthandler's handler of a signal is the public way to have tracebacks written
 * by a signal handler.  It is called for this signal, which is not raised, and
 * stays what it is to the application.
 */
#define DUMP_SIGNAL SIGRTMAX
#define VERSION_DIRECTORY                                                      \
	"lib/python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(          \
	    PY_MINOR_VERSION)

static bool begun;    /* by this module: a reload may load another one */
static pid_t owner;   /* the process that it was made fit for */
static bool forked;   /* since then */
static bool entered;  /* this module's code or the application runs */
static bool rests;    /* the master's, which holds the GIL */
static char *home_of; /* that it was begun with; NULL: none */
static unsigned long server_thread;
static PyThreadState *left; /* between requests */
static void (*dump_handler)(int);
static int dump_fd = -1;

/*
 * os.fork() calls these three as well, in the middle of what Python does itself
 * around it.
 */
static bool
is_servers_fork(void)
{
	return rests && owner == getpid();
}

static void
before_fork(void)
{
	if (is_servers_fork())
		PyOS_BeforeFork();
}

static void
after_fork_in_parent(void)
{
	if (is_servers_fork())
		PyOS_AfterFork_Parent();
}

/* If it is to run Python, interpreter_begin makes it fit for that. */
static void
after_fork_in_child(void)
{
	forked = true;
}

/* The program of which Python finds its library beside. */
static int
find_program(const char *home, char program[PATH_MAX], const char **why)
{
	struct stat st;

	if (home == NULL) {
		snprintf(program, PATH_MAX, "%s", WSGI_PYTHON);
		return 0;
	}
	snprintf(program, PATH_MAX, "%s/" VERSION_DIRECTORY, home);
	if (stat(program, &st) == -1) {
		*why = "home= is no virtual environment of Python " Py_STRINGIFY(
		    PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION) ": make one by " WSGI_PYTHON
									 " -m venv";
		return -1;
	}
	snprintf(program, PATH_MAX, "%s/bin/python3", home);
	return 0;
}

/*
 * Extension modules find the functions of libpython among those of the whole
 * process; with this module, they were only loaded for itself.
 */
static void
share_library(void)
{
	Dl_info info;

	if (dladdr((void *)(uintptr_t)Py_IsInitialized, &info) != 0)
		(void)dlopen(
		    info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

/* Python's own handlers of SIGINT and SIGPIPE would replace the server's. */
static int
initialize(const char *program, const char **why)
{
	PyConfig config;
	PyStatus status;

	PyConfig_InitPythonConfig(&config);
	config.install_signal_handlers = 0;
	config.parse_argv = 0;
	status =
	    PyConfig_SetBytesString(&config, &config.program_name, program);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	if (!PyStatus_Exception(status))
		return 0;
	*why = status.err_msg != NULL ? status.err_msg
				      : "Python cannot be initialized";
	return -1;
}

/* Without it, a worker that hangs is only described in C. */
static void
prepare_dump(void)
{
	PyObject *faulthandler;
	PyObject *result = NULL;
	struct sigaction before, now;

	if (dump_handler != NULL || sigaction(DUMP_SIGNAL, NULL, &before) == -1)
		return;
	faulthandler = PyImport_ImportModule("faulthandler");
	dump_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (faulthandler != NULL && dump_fd != -1)
		result = PyObject_CallMethod(
		    faulthandler, "register", "ii", DUMP_SIGNAL, dump_fd);
	if (result != NULL && sigaction(DUMP_SIGNAL, &before, &now) == 0)
		dump_handler = now.sa_handler;
	Py_XDECREF(result);
	Py_XDECREF(faulthandler);
	PyErr_Clear();
}

static bool
is_home(const char *home)
{
	if (home == NULL || home_of == NULL)
		return home == home_of;
	return strcmp(home, home_of) == 0;
}

/* In a child of the process in which it was initialized, or for the first time. */
static int
begin_process(const char *home, const char **why)
{
	char program[PATH_MAX];

	if (Py_IsInitialized()) {
		PyOS_AfterFork_Child();
		return 0;
	}
	share_library();
	if (find_program(home, program, why) == -1 ||
	    initialize(program, why) == -1)
		return -1;
	home_of = home != NULL ? strdup(home) : NULL;
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
	return 0;
}

int
interpreter_begin(const char *home, const char **why)
{
	if (Py_IsInitialized() && !begun) {
		*why = "another version of this module has Python running: "
		       "SIGUSR2, not SIGHUP, takes the new one";
		return -1;
	}
	if (Py_IsInitialized() && !is_home(home)) {
		*why = "another mount has another home=: run it in a server of "
		       "its own";
		return -1;
	}
	if (owner == getpid()) {
		interpreter_enter();
		return 0;
	}
	if (begin_process(home, why) == -1)
		return -1;
	owner = getpid();
	begun = true;
	forked = rests = false;
	entered = true;
	server_thread = PyThread_get_thread_ident();
	log_stream_install();
	prepare_dump();
	return 0;
}

void
interpreter_end(void)
{
	(void)Py_FinalizeEx();
	interpreter_end_fork();
	log_stream_end();
	owner = 0;
}

/*
 * The list of threads is read without its lock: a thread that comes at this
 * moment waits until the next pause.
 */
PyThreadState *
interpreter_pause(void)
{
	PyThreadState *first =
	    PyInterpreterState_ThreadHead(PyInterpreterState_Main());

	if (PyThreadState_Next(first) == NULL)
		return NULL;
	return PyEval_SaveThread();
}

void
interpreter_resume(PyThreadState *paused)
{
	if (paused != NULL)
		PyEval_RestoreThread(paused);
}

void
interpreter_leave(void)
{
	entered = false;
	left = PyEval_SaveThread();
}

void
interpreter_enter(void)
{
	interpreter_resume(left);
	left = NULL;
	rests = false;
	entered = true;
}

void
interpreter_rest(void)
{
	entered = false;
	rests = true;
}

bool
interpreter_is_entered(void)
{
	return entered && !forked &&
	    PyThread_get_thread_ident() == server_thread;
}

/* As Python's own main function has it: sys.exit(status). */
static int
exit_status(void)
{
	PyObject *type, *value, *traceback, *code;

	if (!PyErr_ExceptionMatches(PyExc_SystemExit)) {
		log_stream_exception(NULL, "a process that was forked failed");
		return EXIT_FAILURE;
	}
	PyErr_Fetch(&type, &value, &traceback);
	PyErr_NormalizeException(&type, &value, &traceback);
	code = PyObject_GetAttrString(value, "code");
	if (code == NULL || code == Py_None)
		return EXIT_SUCCESS;
	if (PyLong_Check(code))
		return (int)PyLong_AsLong(code);
	(void)PyFile_WriteObject(code, PySys_GetObject("stderr"), Py_PRINT_RAW);
	return EXIT_FAILURE;
}

void
interpreter_end_fork(void)
{
	int status = EXIT_SUCCESS;

	if (!forked)
		return;
	if (Py_IsInitialized()) {
		if (PyErr_Occurred())
			status = exit_status();
		log_stream_end();
	}
	_exit(status);
}

void
interpreter_dump(int fd)
{
	if (dump_handler != NULL && dup3(fd, dump_fd, O_CLOEXEC) != -1)
		dump_handler(DUMP_SIGNAL);
}
