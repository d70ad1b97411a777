/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/problem.h"

#include "base/cleanup.h"

static const struct {
	int status;
	const char *title;
} titles[] = {
	{200, "OK"},
	{201, "Created"},
	{204, "No Content"},
	{206, "Partial Content"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{409, "Conflict"},
	{410, "Gone"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
};

const char *problem_title(int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

/* Text that came from outside may be cut inside a UTF-8 sequence: jansson would refuse it. */
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);

	return json ? json : json_string("(not UTF-8)");
}

json_t *problem_format(int status, const char *code, const char *detail)
{
	char type[96];

	snprintf(type, sizeof(type), "urn:ringbell:problem:%s", code);
	return json_pack("{s:s, s:s, s:i, s:s, s:o}", "type", type, "title", problem_title(status),
			 "status", status, "code", code, "detail", text_json(detail));
}

json_t *problem_format_error(int status, const struct error *err)
{
	json_t *problem = problem_format(status, err->code, err->text);

	if (err->field[0])
		json_object_set_new(problem, "errors",
				    json_pack("[{s:o, s:s, s:o}]", "pointer", text_json(err->field),
					      "code", err->code, "detail", text_json(err->text)));
	return problem;
}
