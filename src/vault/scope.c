/* scope.c - see scope.h.
 *
 * Thread: any. */
#include "vault/scope.h"

#include <string.h>

static const char *const roles[HTH_ROLE_COUNT] = { "user", "admin", "auditor", "service" };
static const char *const verbs[] = { "ask",   "embed",   "tokens", "models", "manage",
                                     "chats", "metrics", "audit",  "users" };
_Static_assert(HTH_MAY_ALL == (1 << HTH_COUNT(verbs)) - 1, "every verb has a name");

const char *hth_role_name(HthRole role) {
    HTH_ASSERT(role < HTH_ROLE_COUNT);
    return roles[role];
}

bool hth_role_read(HthStr name, HthRole *out) {
    for (size_t i = 0; i < HTH_ROLE_COUNT; i++) {
        if (!hth_str_eq(name, hth_str(roles[i]))) continue;
        *out = (HthRole)i;
        return true;
    }
    return false;
}

/* The next word of a list with commas or blanks between; empty: no more. */
static HthStr next_word(HthStr *list) {
    size_t from = 0, n = 0;
    while (from < list->n && (list->p[from] == ',' || list->p[from] == ' ')) from++;
    while (from + n < list->n && list->p[from + n] != ',' && list->p[from + n] != ' ') n++;
    const HthStr word = { list->p + from, n };
    *list = (HthStr){ list->p + from + n, list->n - from - n };
    return word;
}

HthStatus hth_scope_verbs(HthStr text, uint32_t *out, HthErr *err) {
    uint32_t found = 0;
    for (HthStr word = next_word(&text); word.n; word = next_word(&text)) {
        uint32_t bits = hth_str_eq(word, HTH_STR("all")) ? HTH_MAY_ALL : 0;
        for (size_t i = 0; i < HTH_COUNT(verbs); i++)
            if (hth_str_eq(word, hth_str(verbs[i]))) bits = 1u << i;
        HTH_REQUIRE(
            bits, err, HTH_EINVAL,
            "Verbs are ask, embed, tokens, models, manage, chats, metrics, audit, users, or "
            "all, with commas between.");
        found |= bits;
    }
    HTH_REQUIRE(found, err, HTH_EINVAL, "Name at least one verb, or leave the option out.");
    *out = found;
    return HTH_OK;
}

HthStatus hth_scope_verbs_text(uint32_t bits, HthBuf *out, HthErr *err) {
    if (bits == HTH_MAY_ALL) return hth_buf_add_str(out, HTH_STR("all"), err);
    const size_t from = out->n;
    for (size_t i = 0; i < HTH_COUNT(verbs); i++) {
        if (!(bits >> i & 1)) continue;
        if (out->n > from) HTH_TRY(hth_buf_add_char(out, ',', err));
        HTH_TRY(hth_buf_add_str(out, hth_str(verbs[i]), err));
    }
    return HTH_OK;
}

static bool pattern_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("._-/:*", c));
}

HthStatus hth_scope_models(HthStr text, char out[HTH_SCOPE_MODELS_MAX + 1], HthErr *err) {
    char made[HTH_SCOPE_MODELS_MAX + 1] = "";
    size_t n = 0;
    for (HthStr word = next_word(&text); word.n; word = next_word(&text)) {
        for (size_t i = 0; i < word.n; i++)
            HTH_REQUIRE(pattern_char(word.p[i]), err, HTH_EINVAL,
                        "A model pattern has the characters of model names, and '*'.");
        HTH_REQUIRE(word.n + (n > 0) <= HTH_SCOPE_MODELS_MAX - n, err, HTH_ELIMIT,
                    "The model patterns have more than %d characters; use '*'.",
                    HTH_SCOPE_MODELS_MAX);
        if (n) made[n++] = ' ';
        memcpy(made + n, word.p, word.n);
        n += word.n;
    }
    HTH_REQUIRE(n, err, HTH_EINVAL, "Name at least one model, or leave the option out.");
    memcpy(out, made, sizeof made);
    return HTH_OK;
}

/* One '*' is remembered at a time: going back to the last one is enough. */
static bool matches(HthStr pattern, HthStr name) {
    size_t p = 0, s = 0, star = SIZE_MAX, star_s = 0;
    while (s < name.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            star_s = s;
        } else if (p < pattern.n && pattern.p[p] == name.p[s]) {
            p++, s++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            s = ++star_s;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') p++;
    return p == pattern.n;
}

bool hth_scope_has_model(const HthScope *scope, HthStr name) {
    HthStr list = hth_str(scope->models);
    if (!list.n) return true;
    size_t colon = 0; /* where the name without its tag ends */
    while (colon < name.n && name.p[colon] != ':') colon++;
    for (HthStr word = next_word(&list); word.n; word = next_word(&list)) {
        const bool tagged = hth_str_find(word, HTH_STR(":")) != SIZE_MAX;
        if (matches(word, tagged ? name : hth_str_sub(name, 0, colon))) return true;
    }
    return false;
}
