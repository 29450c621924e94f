/*
 * cgi_exchange: what programs that are run by CGI, and servers that are asked by
 * FastCGI, see of a request, and how what they respond becomes a response.
 */
#ifndef TINED_HANDLERS_CGI_EXCHANGE_H
#define TINED_HANDLERS_CGI_EXCHANGE_H

#include "handlers/builtin.h"
#include "handlers/cgi_environment.h"
#include "handlers/cgi_response.h"
#include "tined.h"

/*
 * Adds the meta-variables of the request (RFC 3875, 4.1), and those that are
 * usual besides: REQUEST_URI, REQUEST_SCHEME, REMOTE_PORT, SERVER_ADDR.  An empty
 * path_info is left out, and so is CONTENT_LENGTH if only the end of the content
 * tells it: cgi_exchange_take_content.
 */
void cgi_exchange_add_request(struct cgi_environment *e,
    struct tined_exchange *x, struct text script_name, struct text path_info);

/*
 * Finds the length of the content.  If only its end tells it (chunked), receives it
 * as a whole (builtin_spool_content), and adds CONTENT_LENGTH: programs read as
 * much as that says.  -1 if it has failed: then the request is answered.
 */
int cgi_exchange_take_content(struct cgi_environment *e,
    struct tined_exchange *x, struct builtin_content *c);
/*
 * Parses a complete head, and begins the response with it: status, fields, and
 * the length of its content.  A local redirect begins none: the caller calls
 * builtin_redirect.  Returns NULL, or what is wrong with the head.
 */
const char *cgi_exchange_begin_response(
    struct tined_exchange *x, struct text head, struct cgi_response *r);

#endif
