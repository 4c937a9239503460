/* ask_prompt.c - texts and token lists to be completed, embedded or ranked.
 *
 * Thread: as ask.h. */
#include "base/mem.h"
#include "serve/ask_read.h"

static HthStatus room(HthAsk *a, size_t n, const char *path, HthErr *err) {
    HTH_REQUIRE(n <= HTH_ASK_PROMPTS_MAX - a->prompt_count, err, HTH_ELIMIT,
                "%s: has %zu texts; at most %d are read", path, n, HTH_ASK_PROMPTS_MAX);
    HthPrompt *more = hth_realloc(a->prompts, a->prompt_count + n + 1, sizeof *more);
    if (more == NULL) return hth_ask_nomem(err);
    a->prompts = more;
    return HTH_OK;
}

HthStatus hth_ask_ids(const json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    int64_t id;
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "a list of token ids", v);
    HTH_REQUIRE(json_array_size(v) > 0, err, HTH_EINVAL, "%s: has no tokens", path);
    for (size_t i = 0; i < json_array_size(v); i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(hth_ask_int(json_array_get(v, i), at, 0, UINT32_MAX, &id, err));
    }
    return HTH_OK;
}

static HthStatus add(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    HthPrompt p = { .text = HTH_STR("") };
    if (json_is_array(v)) {
        HTH_TRY(hth_ask_ids(v, path, err));
        p.ids = v;
    } else if (json_is_string(v)) {
        p.text = hth_ask_text(v);
    } else {
        return hth_ask_wrong(err, path, "a string or a list of token ids", v);
    }
    a->prompts[a->prompt_count++] = p;
    return HTH_OK;
}

HthStatus hth_ask_prompts(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    if (!json_is_string(v) && !json_is_array(v))
        return hth_ask_wrong(err, path, "a string, a list of token ids, or an array of these", v);
    const bool one = json_is_string(v) || json_is_number(json_array_get(v, 0));
    const size_t n = one ? 1 : json_array_size(v);
    HTH_REQUIRE(n > 0, err, HTH_EINVAL, "%s: must not be empty", path);
    HTH_TRY(room(a, n, path, err));
    if (one) return add(a, v, path, err);
    for (size_t i = 0; i < n; i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(add(a, json_array_get(v, i), at, err));
    }
    return HTH_OK;
}

HthStatus hth_ask_prompt_list(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array of strings", v);
    HTH_TRY(room(a, json_array_size(v), path, err));
    for (size_t i = 0; i < json_array_size(v); i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(hth_ask_str(json_array_get(v, i), at, SIZE_MAX, &s, err));
        a->prompts[a->prompt_count++] = (HthPrompt){ .text = s };
    }
    return HTH_OK;
}
