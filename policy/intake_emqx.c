/* SPDX-License-Identifier: Apache-2.0 */
/* EMQX Cloud's alerts by generic webhook. Its body is not documented, so the message is looked for
 * under the usual names and recognised by its words, in Chinese and English: the catalogue of ten
 * alert types gives level, identity and what to do. No recovery is ever sent: a hold timer ends
 * them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "policy/intake_internal.h"
#include "policy/value.h"

#define MESSAGE                                                                                    \
	"/message|/msg|/text/content|/markdown/content|/text|/content|/description|/detail|/alert"

static const struct intake_map map = {
	.wants = MESSAGE,
	.fields =
		{
			INTAKE_FIELD(object_id, "/deployment_id|/deploymentId|/deployment/id|"
						"/deployment_name|/deployment|/cluster"),
			INTAKE_FIELD(object_name,
				     "/deployment_name|/deploymentName|/deployment/name|"
				     "/deployment"),
			INTAKE_FIELD(title, "/title|/type|/alert_type|/name|" MESSAGE),
			INTAKE_FIELD(text, MESSAGE),
			INTAKE_FIELD(suggestion, "/solution|/suggestion"),
			INTAKE_FIELD(link, "/url|/link"),
		},
	.level = "/level|/severity",
	.status = "/status|/state",
	.recovered = "resolved,recovered,deactivated,ok",
	.starts_at = "/time|/timestamp|/created_at|/create_at",
	.labels = "/labels|/tags",
};

/* The words of a message that tell its type: all of a row's `words` in one language occur. */
static const struct {
	const char *id;
	const char *name;
	enum level level;
	const char *zh[2];
	const char *en[2];
	const char *solution;
} catalogue[] = {
	{"conn_high",
	 "连接数过高",
	 LEVEL_WARNING,
	 {"连接数过高"},
	 {"connection", "too high"},
	 "升级部署规格"},
	{"traffic_high",
	 "流量使用过高",
	 LEVEL_WARNING,
	 {"流量过高"},
	 {"traffic", "too high"},
	 "检查设备流量是否正常，正常则需升级部署规格"},
	{"traffic_high",
	 "流量使用过高",
	 LEVEL_WARNING,
	 {"流量使用过高"},
	 {"traffic", "exceed"},
	 "检查设备流量是否正常，正常则需升级部署规格"},
	{"cert_expiry",
	 "证书过期告警",
	 LEVEL_WARNING,
	 {"证书", "过期"},
	 {"certificate", "expire"},
	 "及时更新部署证书"},
	{"acl_fail",
	 "客户端 ACL 认证失败",
	 LEVEL_WARNING,
	 {"ACL", "认证失败"},
	 {"acl", "fail"},
	 "检查部署访问控制配置是否正确"},
	{"auth_fail",
	 "客户端认证失败",
	 LEVEL_WARNING,
	 {"认证失败"},
	 {"authentication", "fail"},
	 "检查客户端认证配置是否正确"},
	{"nonstd_mqtt",
	 "部署非标准 MQTT 协议连接",
	 LEVEL_WARNING,
	 {"非标准", "MQTT"},
	 {"non-standard", "mqtt"},
	 "检查客户端连接使用的 MQTT 协议是否为标准 MQTT 协议"},
	{"msg_drop",
	 "部署消息丢弃告警",
	 LEVEL_WARNING,
	 {"消息丢弃"},
	 {"message", "drop"},
	 "客户端设置 clean session 为 False 或客户端设置自动重连"},
	{"tps_limit",
	 "部署 TPS 超过限制告警",
	 LEVEL_WARNING,
	 {"调整客户端发送速率"},
	 {"tps", "limit"},
	 "及时调整客户端发送速率，使发送速率小于部署限制的 TPS"},
	{"tps_limit",
	 "部署 TPS 超过限制告警",
	 LEVEL_WARNING,
	 {"TPS", "超过限制"},
	 {"sending rate", "limit"},
	 "及时调整客户端发送速率，使发送速率小于部署限制的 TPS"},
	{"vpc_peer",
	 "VPC 对等连接异常",
	 LEVEL_ERROR,
	 {"对等连接", "异常"},
	 {"vpc", "peering"},
	 "检查部署对等账户对等连接账户"},
	{"rule_resource",
	 "规则引擎资源异常",
	 LEVEL_ERROR,
	 {"规则引擎", "资源异常"},
	 {"rule engine", "resource"},
	 "检查部署规则引擎中资源配置是否正确"},
	{"rule_resource",
	 "规则引擎资源异常",
	 LEVEL_ERROR,
	 {"数据集成", "异常"},
	 {"data integration", "abnormal"},
	 "检查部署规则引擎中资源配置是否正确"},
};

static bool has_words(const char *text, const char *const words[2])
{
	return strcasestr(text, words[0]) && (!words[1] || strcasestr(text, words[1]));
}

static const char *first_number(const char *text)
{
	while (*text && !isdigit((unsigned char)*text))
		text++;
	return text;
}

/* The number a message carries: its value, never a part of its identity. */
static void set_value(struct alert *alert)
{
	const char *message = alert->text, *colon = strstr(message, "：");
	const char *number;

	if (!colon)
		colon = strchr(message, ':');
	number = first_number(colon ? colon : message);
	if (*number) {
		CLEANUP_FREE char *value = strndup(number, strspn(number, "0123456789."));

		intake_set(&alert->value, value, ALERT_NAME_MAX);
	}
}

/* "部署规则引擎 mysql 资源异常", "Rule engine mysql resource abnormal" → "mysql" */
static void add_resource(struct alert *alert)
{
	static const char *const heads[] = {"规则引擎", "rule engine"};
	const char *text = NULL;
	CLEANUP_FREE char *word = NULL;

	for (size_t i = 0; !text && i < ARRAY_SIZE(heads); i++) {
		text = strcasestr(alert->text, heads[i]);
		text = text ? text + strlen(heads[i]) : NULL;
	}
	if (!text)
		return;
	text += strspn(text, " ");
	word = strndup(text, strcspn(text, " "));
	if (*word && !strstr(word, "资源") && strcasecmp(word, "resource") != 0) {
		CLEANUP_FREE char *id = xasprintf("%s;resource=%s", alert->object_id, word);

		intake_set_identity(&alert->object_id, id);
	}
}

static int emqx_parse(const struct intake_element *element, struct alert *alert, struct error *err)
{
	size_t row = 0;

	(void)err;
	if (!*alert->object_id)
		intake_set(&alert->object_id, element->intake->source, ALERT_NAME_MAX);
	while (row < ARRAY_SIZE(catalogue) && !has_words(alert->text, catalogue[row].zh) &&
	       !has_words(alert->text, catalogue[row].en))
		row++;
	if (row == ARRAY_SIZE(catalogue)) {
		intake_set_identity(&alert->policy_id, alert->title);
		return 0;
	}
	intake_put(&alert->policy_id, xasprintf("emqx:%s", catalogue[row].id));
	intake_set(&alert->policy_name, catalogue[row].name, ALERT_NAME_MAX);
	intake_set(&alert->rule, alert->policy_id, ALERT_NAME_MAX);
	if (!*alert->suggestion)
		intake_set(&alert->suggestion, catalogue[row].solution, ALERT_NAME_MAX);
	if (alert->status == ALERT_FIRING && !*alert->source_level)
		alert->level = catalogue[row].level;
	set_value(alert);
	if (!strcmp(catalogue[row].id, "rule_resource"))
		add_resource(alert);
	return 0;
}

const struct intake_kind intake_emqx_kind = {
	.name = "emqx",
	.map = &map,
	.parse = emqx_parse,
	.single = true,
	.hold = 10 * DUR_MIN,
};
