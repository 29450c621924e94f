/*
 * negotiate: the form in which a client wants the server's status (RFC 9110,
 * 12.5.1).
 */
#ifndef TINED_STATUS_NEGOTIATE_H
#define TINED_STATUS_NEGOTIATE_H

#include "http/request.h"
#include "status/forms.h"

/* The form that Accept prefers; among equals the first. */
enum status_form status_wanted_form(const struct request *r);
/* Which of the two forms of metrics Accept prefers. */
enum status_form status_wanted_metrics(const struct request *r);
/* The media type of a form, for Content-Type. */
const char *status_form_type(enum status_form form);

#endif
