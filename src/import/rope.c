/* rope.c - the rotation that config.json describes: its base, and how it is stretched.
 *
 * Older files say rope_theta and rope_scaling, newer ones rope_parameters, which may have an object
 * for each kind of layer.
 *
 * Thread: any. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "import/config.h"
#include "import/folder.h"
#include "kern/fn/math.h"

enum { KEY_MAX = 128, CTX_MAX = 1 << 30 };

static const double TAU = 0x1.921fb54442d18p+2;

static const struct {
    const char *name;
    HthStretch stretch;
} kinds[] = {
    { "default", HTH_STRETCH_NONE },  { "linear", HTH_STRETCH_LINEAR },
    { "yarn", HTH_STRETCH_YARN },     { "llama3", HTH_STRETCH_LLAMA3 },
    { "longrope", HTH_STRETCH_LONG }, { "su", HTH_STRETCH_LONG },
};

static const json_t *get(const json_t *at, const char *key) { /* NULL: absent or null */
    const json_t *v = json_object_get(at, key);
    return json_is_null(v) ? NULL : v;
}

/* ---- kinds ---- */

static HthStatus read_kind(HthConfig *c, const json_t *r, HthErr *err) {
    char shown[HTH_IMPORT_SHOWN_MAX];
    const json_t *v = get(r, "rope_type");
    if (v == NULL) v = get(r, "type");
    if (v == NULL) return HTH_OK;
    const HthStr name = { json_string_value(v), json_string_length(v) };
    HTH_REQUIRE(json_is_string(v), err, HTH_EFORMAT,
                "config.json: the type of the rotation's scaling is no text");
    hth_import_shown(name, shown);
    for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
        if (!hth_str_eq(name, hth_str(kinds[i].name))) continue;
        c->stretch = kinds[i].stretch;
        HTH_REQUIRE(c->stretch == HTH_STRETCH_NONE ||
                        (c->family->stretches >> c->stretch & 1u) != 0,
                    err, HTH_ENOTSUP,
                    "the rotation's scaling is '%s' (rope_scaling in "
                    "config.json), which %s does not have in a GGUF file",
                    shown, c->family->arch);
        return HTH_OK;
    }
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "the rotation's scaling is '%.40s' (rope_scaling in config.json), which hearth "
                    "cannot do; it knows linear, yarn, llama3 and longrope",
                    shown);
}

/* Of each pair, what its frequency is divided by: long waves by the factor, short ones not, those
 * between by something between. */
static HthStatus llama3_factors(HthConfig *c, HthErr *err) {
    HTH_REQUIRE(c->factor >= 1 && c->low > 0 && c->high > c->low && c->ctx_orig > 0, err,
                HTH_EFORMAT,
                "config.json: rope_scaling of llama3 needs factor, low_freq_factor, a larger "
                "high_freq_factor, and original_max_position_embeddings");
    c->factors = hth_calloc(c->n_rot / 2, sizeof *c->factors);
    HTH_REQUIRE(c->factors != NULL, err, HTH_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < c->n_rot / 2; i++) {
        const double wave = TAU * hth_pow((double)c->rope_base, 2.0 * i / (double)c->n_rot);
        const double low = (double)c->low, high = (double)c->high;
        const double blend = ((double)c->ctx_orig / wave - low) / (high - low);
        const double between = 1.0 / ((1.0 - blend) / (double)c->factor + blend);
        c->factors[i] = blend >= 1.0 ? 1.0f : blend <= 0.0 ? c->factor : (float)between;
    }
    return HTH_OK;
}

static HthStatus read_list(const HthConfig *c, const json_t *r, const char *key, float **out,
                           HthErr *err) {
    const json_t *v = get(r, key);
    const size_t n = c->n_rot / 2;
    HTH_REQUIRE(json_is_array(v) && json_array_size(v) == n, err, HTH_EFORMAT,
                "config.json: %s of rope_scaling does not list %zu numbers", key, n);
    *out = hth_calloc(n, sizeof **out);
    HTH_REQUIRE(*out != NULL, err, HTH_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const json_t *f = json_array_get(v, i);
        const double d = json_number_value(f);
        HTH_REQUIRE(json_is_number(f) && fabs(d) > 1e-5 && fabs(d) < 1e9, err, HTH_EFORMAT,
                    "config.json: %s of rope_scaling holds something else than numbers that divide",
                    key);
        (*out)[i] = (float)d;
    }
    return HTH_OK;
}

/* The scores grow with the stretch, as the paper of LongRoPE says. */
static HthStatus long_factors(HthConfig *c, const json_t *r, HthErr *err) {
    HTH_REQUIRE(get(r, "short_mscale") == NULL && get(r, "long_mscale") == NULL, err, HTH_ENOTSUP,
                "config.json: rope_scaling has short_mscale or long_mscale, which hearth cannot "
                "do");
    HTH_REQUIRE(c->ctx_orig > 1, err, HTH_EFORMAT,
                "config.json: there is no original_max_position_embeddings, which longrope needs");
    HTH_TRY(read_list(c, r, "long_factor", &c->factors, err));
    HTH_TRY(read_list(c, r, "short_factor", &c->more, err));
    const double stretch = (double)c->n_ctx / (double)c->ctx_orig;
    if (c->attn_factor == 0.0f)
        c->attn_factor = stretch <= 1.0
                             ? 1.0f
                             : (float)sqrt(1.0 + hth_ln(stretch) / hth_ln((double)c->ctx_orig));
    return HTH_OK;
}

/* A GGUF file's factor stands beside YaRN's own, which config.json's takes the place of. */
static HthStatus yarn(HthConfig *c, const json_t *r, HthErr *err) {
    static const char *const not [] = { "mscale", "mscale_all_dim" };
    for (size_t i = 0; i < HTH_COUNT(not ); i++)
        HTH_REQUIRE(get(r, not [i]) == NULL, err, HTH_ENOTSUP,
                    "config.json: rope_scaling has %s, which %s does not have in a GGUF file",
                    not [i], c -> family -> arch);
    HTH_REQUIRE(get(r, "truncate") == NULL || json_is_true(get(r, "truncate")), err, HTH_ENOTSUP,
                "config.json: rope_scaling has truncate off, which hearth cannot do");
    HTH_REQUIRE(c->factor >= 1, err, HTH_EFORMAT,
                "config.json: rope_scaling of yarn needs a factor of at least 1");
    if (c->ctx_orig == 0) c->ctx_orig = c->n_ctx;
    if (c->attn_factor != 0.0f)
        c->attn_factor = (float)((double)c->attn_factor / (1.0 + 0.1 * hth_ln((double)c->factor)));
    return HTH_OK;
}

static HthStatus read_stretch(HthConfig *c, const json_t *r, HthErr *err) {
    HTH_REQUIRE(json_is_object(r), err, HTH_EFORMAT, "config.json: rope_scaling is no object");
    HTH_TRY(read_kind(c, r, err));
    if (c->stretch == HTH_STRETCH_NONE) return HTH_OK;
    HTH_TRY(hth_config_float(r, "factor", 1e-6, 1e6, &c->factor, err));
    HTH_TRY(hth_config_float(r, "low_freq_factor", 1e-6, 1e6, &c->low, err));
    HTH_TRY(hth_config_float(r, "high_freq_factor", 1e-6, 1e6, &c->high, err));
    HTH_TRY(hth_config_float(r, "attention_factor", 1e-6, 1e6, &c->attn_factor, err));
    HTH_TRY(hth_config_float(r, "beta_fast", 1e-3, 1e6, &c->beta_fast, err));
    HTH_TRY(hth_config_float(r, "beta_slow", 1e-3, 1e6, &c->beta_slow, err));
    HTH_TRY(hth_config_u32(r, "original_max_position_embeddings", CTX_MAX, &c->ctx_orig, err));
    switch (c->stretch) {
    case HTH_STRETCH_LLAMA3: return llama3_factors(c, err);
    case HTH_STRETCH_LONG: return long_factors(c, r, err);
    case HTH_STRETCH_YARN: return yarn(c, r, err);
    default: break;
    }
    HTH_REQUIRE(c->factor > 0, err, HTH_EFORMAT,
                "config.json: rope_scaling of linear needs a factor");
    return HTH_OK;
}

/* ---- where it is said ---- */

HthStatus hth_config_rope(HthConfig *c, const json_t *at, HthErr *err) {
    const json_t *p = get(at, "rope_parameters"), *full = get(p, "full_attention");
    const json_t *local = get(p, "sliding_attention");
    const json_t *r = full != NULL ? full : p != NULL ? p : get(at, "rope_scaling");
    HTH_REQUIRE(p == NULL || json_is_object(p), err, HTH_EFORMAT,
                "config.json: rope_parameters is no object");
    HTH_REQUIRE(local == NULL || (json_is_object(local) && c->rope_base_window != 0), err,
                HTH_ENOTSUP,
                "config.json: rope_parameters has a rotation for windows, which %s does not have",
                c->family->arch);
    HTH_TRY(hth_config_float(r, "rope_theta", 1.0, 1e15, &c->rope_base, err));
    HTH_TRY(hth_config_float(local, "rope_theta", 1.0, 1e15, &c->rope_base_window, err));
    if (local != NULL) {
        const char *kind = json_string_value(get(local, "rope_type"));
        HTH_REQUIRE(kind == NULL || strcmp(kind, "default") == 0, err, HTH_ENOTSUP,
                    "config.json: the rotation of windows is stretched, which %s does not have",
                    c->family->arch);
    }
    HTH_REQUIRE(c->rope_base > 1.0f, err, HTH_EFORMAT,
                "config.json: rope_theta is %g; more than 1 "
                "is possible",
                (double)c->rope_base);
    return r != NULL ? read_stretch(c, r, err) : HTH_OK;
}

static HthStatus out_f32(const HthConfig *c, HthGgufOut *o, const char *name, float v,
                         HthErr *err) {
    char key[KEY_MAX];
    if (v == 0.0f) return HTH_OK;
    snprintf(key, sizeof key, "%s.rope.scaling.%s", c->family->arch, name);
    return hth_gguf_out_f32(o, key, v, err);
}

HthStatus hth_config_rope_write(const HthConfig *c, HthGgufOut *o, HthErr *err) {
    static const char *const names[HTH_STRETCHES] = { [HTH_STRETCH_LINEAR] = "linear",
                                                      [HTH_STRETCH_YARN] = "yarn",
                                                      [HTH_STRETCH_LONG] = "longrope" };
    char key[KEY_MAX];
    if (names[c->stretch] == NULL) return HTH_OK; /* none; or llama3, whose factors are a tensor */
    snprintf(key, sizeof key, "%s.rope.scaling.type", c->family->arch);
    HTH_TRY(hth_gguf_out_str(o, key, hth_str(names[c->stretch]), err));
    HTH_TRY(out_f32(c, o, "attn_factor", c->attn_factor, err));
    if (c->stretch == HTH_STRETCH_LONG) return HTH_OK;
    HTH_TRY(out_f32(c, o, "factor", c->factor, err));
    if (c->stretch != HTH_STRETCH_YARN) return HTH_OK;
    HTH_TRY(out_f32(c, o, "yarn_beta_fast", c->beta_fast, err));
    HTH_TRY(out_f32(c, o, "yarn_beta_slow", c->beta_slow, err));
    snprintf(key, sizeof key, "%s.rope.scaling.original_context_length", c->family->arch);
    return hth_gguf_out_u32(o, key, c->ctx_orig, err);
}
