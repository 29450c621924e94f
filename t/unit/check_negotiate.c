#include <string.h>

#include "status/negotiate.h"
#include "unit.h"

static struct request request;

static void
ask_for(const char *value)
{
	request_reset(&request);
	if (value == NULL)
		return;
	request.fields[0] = (struct field){
	    .name = TEXT("Accept"),
	    .value = text_of(value),
	    .id = FIELD_ACCEPT,
	};
	request.field_count = 1;
}

static const struct {
	const char *accept;
	enum status_form form, metrics;
} cases[] = {
    {NULL, FORM_TEXT, FORM_METRICS},
    {"", FORM_TEXT, FORM_METRICS},
    {"*/*", FORM_TEXT, FORM_METRICS},
    {"text/plain", FORM_TEXT, FORM_METRICS},
    {"text/*", FORM_TEXT, FORM_METRICS},
    {"text/html", FORM_PAGE, FORM_METRICS},
    {"TEXT/HTML", FORM_PAGE, FORM_METRICS},
    {"application/json", FORM_JSON, FORM_METRICS},
    {"application/*", FORM_JSON, FORM_METRICS},
    {"image/png", FORM_TEXT, FORM_METRICS},
    {"text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
	FORM_PAGE, FORM_METRICS},
    {"application/json;q=0.5, text/html;q=0.4", FORM_JSON, FORM_METRICS},
    {"application/json ; q=0.5 , text/html ; Q=0.6", FORM_PAGE, FORM_METRICS},
    {"text/plain;q=0, */*;q=0.1", FORM_PAGE, FORM_METRICS},
    {"text/html;q=zero, application/json;q=0.1", FORM_JSON, FORM_METRICS},
    {"text/html;level=1;q=0.3, text/plain;q=0.2", FORM_PAGE, FORM_METRICS},
    {"text/plain;version=0.0.4", FORM_METRICS, FORM_METRICS},
    {"text/plain;version=0.0.4;q=0.5,*/*;q=0.1", FORM_METRICS, FORM_METRICS},
    /* Prometheus 2.42 and 2.53 */
    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
     "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	FORM_OPEN_METRICS, FORM_OPEN_METRICS},
    {"text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.5",
	FORM_METRICS, FORM_METRICS},
    {"application/openmetrics-text;q=0", FORM_TEXT, FORM_METRICS},
    {";", FORM_TEXT, FORM_METRICS},
    {"text", FORM_TEXT, FORM_METRICS},
    {"text/", FORM_TEXT, FORM_METRICS},
    {"/", FORM_TEXT, FORM_METRICS},
};

TEST(the_form_that_is_preferred)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *shown =
		    cases[i].accept != NULL ? cases[i].accept : "none";

		ask_for(cases[i].accept);
		ck_assert_msg(status_wanted_form(&request) == cases[i].form,
		    "%s: %d", shown, status_wanted_form(&request));
		ck_assert_msg(
		    status_wanted_metrics(&request) == cases[i].metrics,
		    "metrics of %s", shown);
	}
}

TEST(several_fields_are_one_list)
{
	ask_for("text/html;q=0.5");
	request.fields[1] = request.fields[0];
	request.fields[1].value = TEXT("application/json");
	request.field_count = 2;
	ck_assert_int_eq(status_wanted_form(&request), FORM_JSON);
}
