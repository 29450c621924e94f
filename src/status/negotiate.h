/*
 * negotiate: in which form a client wants the status (RFC 9110, 12.5.1).
 */
#ifndef TINED_STATUS_NEGOTIATE_H
#define TINED_STATUS_NEGOTIATE_H

#include "http/request.h"
#include "status/forms.h"

/* Of all forms, the one that Accept prefers; of equals the first. */
enum status_form status_wanted_form(const struct request *r);
/* The one of the two forms of metrics that it prefers. */
enum status_form status_wanted_metrics(const struct request *r);
/* The media type of a form, for Content-Type. */
const char *status_form_type(enum status_form form);

#endif
