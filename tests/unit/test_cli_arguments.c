/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "tests/unit/test.h"

static const struct command commands[] = {
	{.noun = "status"},
	{.noun = "alert",
	 .verb = "send",
	 .options = OPTION_BIT(OPTION_LEVEL) | OPTION_BIT(OPTION_POLICY),
	 .required = OPTION_BIT(OPTION_POLICY)},
	{.noun = "capture", .verb = "show", .operand = "ID"},
	{.noun = "capture",
	 .verb = "download",
	 .operand = "ID",
	 .options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_WAIT)},
	{.noun = "help", .operand = "[COMMAND]"},
	{0},
};

static struct arguments arguments;
static struct error err;

#define parse(...)                                                                                 \
	({                                                                                         \
		char *argv_[] = {(char *)"ringbell", __VA_ARGS__, NULL};                           \
		err = (struct error){0};                                                           \
		arguments_parse((int)(sizeof(argv_) / sizeof(argv_[0])) - 1, argv_, commands,      \
				&arguments, &err);                                                 \
	})
#define W(text) (char *)(text)

static void test_good(void)
{
	check(!parse(W("status")));
	check(arguments.command == &commands[0]);
	check(!parse(W("alert"), W("send"), W("--policy"), W("p"), W("--level=error")));
	check_text(arguments.values[OPTION_POLICY], "p");
	check_text(arguments.values[OPTION_LEVEL], "error");
	check(!parse(W("--json"), W("capture"), W("download"), W("-w"), W("-"), W("latest")));
	check_text(arguments.operand, "latest");
	check_text(arguments.values[OPTION_OUTPUT], "-");
	check_text(arguments.values[OPTION_JSON], "");
	check(!parse(W("capture"), W("show"), W("--"), W("-odd")));
	check_text(arguments.operand, "-odd");
	check(!parse(W("capture"), W("show"), W("id"), W("--server="), W("--state"), W("--json")));
	check_text(arguments.values[OPTION_SERVER], "");
	check_text(arguments.values[OPTION_STATE], "--json");
}

/* With --help or --version nothing else has to be right. */
static void test_help(void)
{
	check(!parse(W("--version")));
	check(!parse(W("--help")));
	check(!parse(W("capture"), W("--help")));
	check(!parse(W("capture"), W("download"), W("-h")));
	check(!parse(W("help"), W("capture"), W("show")));
	check(parse(W("nonsense"), W("--help")) < 0);
}

static void test_bad(void)
{
	check(parse(W("captur")) < 0);
	check(strstr(err.text, "did you mean \"capture\""));
	check(parse(W("capture"), W("downlaod"), W("x")) < 0);
	check(strstr(err.text, "did you mean \"download\""));
	check(parse(W("status"), W("--jsno")) < 0);
	check(strstr(err.text, "did you mean \"--json\""));
	check(parse(W("status"), W("--entirely-different")) < 0);
	check_text(err.code, "unknown_option");
	check(parse(W("status"), W("-x")) < 0);
	check_text(err.code, "unknown_option");
	check(parse(W("capture")) < 0);
	check_text(err.code, "unknown_command");
	check(parse(W("capture"), W("show")) < 0);
	check_text(err.code, "missing_operand");
	check(parse(W("capture"), W("show"), W("a"), W("b")) < 0);
	check_text(err.code, "unexpected_word");
	check(parse(W("status"), W("now")) < 0);
	check_text(err.code, "unexpected_word");
	check(parse(W("alert"), W("send")) < 0);
	check_text(err.code, "missing_option");
	check(parse(W("alert"), W("send"), W("--policy")) < 0);
	check_text(err.code, "missing_value");
	check(parse(W("capture"), W("show"), W("x"), W("--wait")) < 0);
	check_text(err.code, "unexpected_option");
	check(parse(W("status"), W("--json"), W("--json")) < 0);
	check_text(err.code, "repeated_option");
	check(parse(W("status"), W("--json=yes")) < 0);
	check_text(err.code, "unexpected_value");
}

int main(void)
{
	test_good();
	test_help();
	test_bad();
	return 0;
}
