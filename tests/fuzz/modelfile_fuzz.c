/* modelfile_fuzz.c - any bytes as a Modelfile, a name, settings or a conversation.
 *
 * The first byte picks: 'M' Modelfile, 'N' name, 'S' settings as JSON, 'C' conversation as JSON.
 * What is taken is written, and reads back the same; the rest is one sentence.
 *
 * Thread: one. */
#include <string.h>

#include "base/mem.h"
#include "vault/chats_db.h"
#include "vault/modelfile.h"
#include "vault/name.h"
#include "vault/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 22 };

/* Settings as a Modelfile and back. */
static void round_trip(json_t *settings) {
    HthErr err = { 0 };
    HthBuf out;
    json_t *back = NULL;
    hth_buf_init(&out, OUT_MAX);
    const HthStatus status = hth_modelfile_print(&out, settings, &err);
    HTH_ASSERT(status == HTH_OK || status == HTH_EINVAL || status == HTH_ELIMIT);
    if (status == HTH_OK) {
        HTH_ASSERT(hth_modelfile_parse(&back, hth_buf_str(&out), &err) == HTH_OK);
        HTH_ASSERT(json_equal(back, settings));
    } else {
        HTH_ASSERT(out.n == 0 && err.text[0]);
    }
    json_decref(back);
    hth_buf_drop(&out);
}

static void modelfile(HthStr text) {
    HthErr err = { 0 };
    json_t *settings = NULL;
    const HthStatus status = hth_modelfile_parse(&settings, text, &err);
    if (status == HTH_OK) {
        HTH_ASSERT(hth_settings_check(settings, &err) == HTH_OK);
        round_trip(settings);
    } else {
        HTH_ASSERT(!settings && err.text[0]);
    }
    json_decref(settings);
}

static void name(HthStr text) {
    HthErr err = { 0 };
    HthName n, again;
    HthNameSplit split;
    char full[HTH_NAME_MAX + 1], hex[65];
    if (hth_name_parse(&n, text, &err) == HTH_OK) {
        hth_name_print(full, &n);
        HTH_ASSERT(hth_name_parse(&again, hth_str(full), &err) == HTH_OK);
        HTH_ASSERT(hth_name_eq(&n, &again));
        HTH_ASSERT(!strstr(full, "..") && full[0] != '.' && full[0] != '/');
    }
    if (hth_name_split(&split, text)) HTH_ASSERT(split.base_n < text.n && split.part >= 1);
    if (hth_digest_parse(hex, text, &err) == HTH_OK) HTH_ASSERT(strlen(hex) == 64);
    (void)hth_template_kind(text);
}

static void settings(HthStr text) {
    HthErr err = { 0 };
    json_t *v = NULL;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    if (hth_json_parse(&v, text, HTH_MODELFILE_MAX, &err) == HTH_OK &&
        hth_settings_check(v, &err) == HTH_OK) {
        json_t *over = hth_settings_over(v, v);
        HTH_ASSERT(over && hth_settings_check(over, &err) == HTH_OK);
        HTH_ASSERT(!json_object_get(over, "from"));
        (void)!hth_parameters_print(&out, json_object_get(over, "parameters"), &err);
        json_decref(over);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_buf_drop(&out);
    json_decref(v);
}

static void conversation(HthStr text) {
    HthErr err = { 0 };
    HthChatFacts facts;
    json_t *v = NULL;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    if (hth_json_parse(&v, text, OUT_MAX, &err) == HTH_OK &&
        hth_chat_check(&facts, v, 100, &err) == HTH_OK) {
        HTH_ASSERT(hth_chats_id_ok(facts.id, &err) == HTH_OK && facts.count <= 100);
        HTH_ASSERT(hth_chat_text(&out, v, &err) == HTH_OK && hth_utf8_valid(hth_buf_str(&out)));
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_buf_drop(&out);
    json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    const HthStr text = { (const char *)data + 1, size - 1 };
    hth_json_init();
    const uint64_t live = hth_mem_live();
    switch (data[0]) {
    case 'N': name(text); break;
    case 'S': settings(text); break;
    case 'C': conversation(text); break;
    default: modelfile(text); break;
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
