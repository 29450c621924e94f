#include "handlers/builtin.h"
#include "handlers/redirect.h"
#include "http/uri.h"

void
redirect_to_directory(struct tined_exchange *x)
{
	struct buffer location = {0};
	struct tined_text query;

	uri_encode_path(&location, text_from(tined_path(x)));
	buffer_add_char(&location, '/');
	if (tined_query(x, &query))
		uri_add_query(&location, text_from(query));
	tined_error(x, 301);
	tined_add_field(
	    x, TINED_TEXT("Location"), tined_from(buffer_text(&location)));
	buffer_free(&location);
}
