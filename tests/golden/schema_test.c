/* schema_test.c - the official JSON Schema test suite (draft 2020-12), text by text.
 *
 * As the suite asks for it: formats are annotations, but in optional/format, which is for those who
 * assert them.
 *
 * Every instance is written in three ways: as compactly as can be, with blanks between all tokens,
 * and with every character of its strings escaped. A valid one must be accepted in all of them, an
 * invalid one in none. A schema that is refused counts as refused; how many are is pinned for each
 * file. Exit 77 when the data is not there. */
#include "support/test.h"

#include "text/grammar.h"
#include "text/schema.h"

static HthErr err;

/* How many schemas of each file are refused; docs/SCHEMA.md says why. */
static const struct {
    const char *file;
    unsigned refused;
} files[] = {
    /* clang-format off */
    { "additionalProperties", 0 },
    { "allOf", 0 },
    { "anchor", 0 },
    { "anyOf", 0 },
    { "boolean_schema", 0 },
    { "const", 0 },
    { "contains", 0 },
    { "content", 0 },
    { "default", 0 },
    { "defs", 1 },
    { "dependentRequired", 0 },
    { "dependentSchemas", 0 },
    { "dynamicRef", 5 },
    { "enum", 0 },
    { "exclusiveMaximum", 0 },
    { "exclusiveMinimum", 0 },
    { "format", 0 },
    { "if-then-else", 0 },
    { "infinite-loop-detection", 0 },
    { "items", 0 },
    { "maxContains", 0 },
    { "maxItems", 0 },
    { "maxLength", 0 },
    { "maxProperties", 0 },
    { "maximum", 0 },
    { "minContains", 0 },
    { "minItems", 0 },
    { "minLength", 0 },
    { "minProperties", 0 },
    { "minimum", 0 },
    { "multipleOf", 1 },
    { "not", 0 },
    { "oneOf", 0 },
    { "pattern", 0 },
    { "patternProperties", 0 },
    { "prefixItems", 0 },
    { "properties", 0 },
    { "propertyNames", 0 },
    { "ref", 1 },
    { "refRemote", 15 },
    { "required", 0 },
    { "type", 0 },
    { "unevaluatedItems", 0 },
    { "unevaluatedProperties", 0 },
    { "uniqueItems", 3 },
    { "vocabulary", 2 },
    { "optional/anchor", 0 },
    { "optional/bignum", 2 },
    { "optional/cross-draft", 1 },
    { "optional/dependencies-compatibility", 0 },
    { "optional/dynamicRef", 0 },
    { "optional/ecmascript-regex", 0 },
    { "optional/float-overflow", 0 },
    { "optional/format-assertion", 2 },
    { "optional/id", 0 },
    { "optional/no-schema", 0 },
    { "optional/non-bmp-regex", 0 },
    { "optional/refOfUnknownKeyword", 4 },
    { "optional/unknownKeyword", 1 },
    { "optional/format/date", 0 },
    { "optional/format/date-time", 0 },
    { "optional/format/duration", 0 },
    { "optional/format/ecmascript-regex", 6 },
    { "optional/format/email", 0 },
    { "optional/format/hostname", 2 },
    { "optional/format/idn-email", 1 },
    { "optional/format/idn-hostname", 2 },
    { "optional/format/ipv4", 0 },
    { "optional/format/ipv6", 0 },
    { "optional/format/iri", 0 },
    { "optional/format/iri-reference", 0 },
    { "optional/format/json-pointer", 0 },
    { "optional/format/regex", 1 },
    { "optional/format/relative-json-pointer", 0 },
    { "optional/format/time", 0 },
    { "optional/format/unknown", 0 },
    { "optional/format/uri", 0 },
    { "optional/format/uri-reference", 0 },
    { "optional/format/uri-template", 0 },
    { "optional/format/uuid", 0 },
    /* clang-format on */
};

typedef struct Tally {
    unsigned cases, refused, accepted, rejected, wrong;
    bool noted; /* formats are annotations */
    char why[sizeof err.text];
} Tally;

/* --- JSON as text, so that numbers stay as they are written --- */

static const char *blanks(const char *p) {
    while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') p++;
    return p;
}

static const char *string_end(const char *p) {
    for (p++; *p != '"'; p++)
        if (*p == '\\') p++;
    return p + 1;
}

static const char *value_end(const char *p) {
    int depth = 0;
    do {
        if (*p == '"') {
            p = string_end(p);
            continue;
        }
        if (*p == '{' || *p == '[') depth++;
        if (*p == '}' || *p == ']') depth--;
        p++;
        if (depth == 0 && strchr(",]} \n\r\t", *p)) break;
    } while (depth > 0 || !strchr(",]}", *p));
    return p;
}

/* The value of a member of the object at p, or NULL. */
static const char *member(const char *p, const char *name) {
    for (p = blanks(p + 1); *p == '"'; p = blanks(p)) {
        const char *key = p + 1;
        const char *value = blanks(blanks(string_end(p)) + 1);
        if (strncmp(key, name, strlen(name)) == 0 && key[strlen(name)] == '"') return value;
        p = blanks(value_end(value));
        if (*p != ',') break;
        p = blanks(p + 1);
    }
    return NULL;
}

/* --- spellings --- */

typedef enum Form { COMPACT, WIDE, ESCAPED } Form;

static void add(HthBuf *out, const char *p, size_t n) {
    HTH_ASSERT(hth_buf_add(out, p, n, NULL) == HTH_OK);
}

/* A string's characters, each as \uXXXX; what is escaped already stays. */
static void escape(HthBuf *out, const char *p, const char *end) {
    char text[16];
    add(out, "\"", 1);
    for (p++; p + 1 < end;) {
        uint32_t cp;
        if (*p == '\\') {
            const size_t n = p[1] == 'u' ? 6 : 2;
            add(out, p, n);
            p += n;
            continue;
        }
        p += hth_utf8_decode((HthStr){ p, (size_t)(end - p) }, &cp);
        const char *form = cp & 1 ? "\\u%04x" : "\\u%04X";
        if (cp >= 0x10000) {
            snprintf(text, sizeof text, form, 0xD800 + ((cp - 0x10000) >> 10));
            add(out, text, strlen(text));
            cp = 0xDC00 + (cp & 0x3FF);
        }
        snprintf(text, sizeof text, form, cp);
        add(out, text, strlen(text));
    }
    add(out, "\"", 1);
}

static void respell(HthBuf *out, const char *p, const char *end, Form form) {
    hth_buf_clear(out);
    if (form == WIDE) add(out, " \n", 2);
    while (p < end) {
        const char *next = p + 1;
        if (*p == '"') {
            next = string_end(p);
            if (form == ESCAPED)
                escape(out, p, next);
            else
                add(out, p, (size_t)(next - p));
        } else if (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') {
            const bool before = form == WIDE && strchr(":,]}", *p);
            const bool after = form == WIDE && strchr(":,[{", *p);
            if (before) add(out, " ", 1);
            add(out, p, 1);
            if (after) add(out, "\r\n\t ", 4);
        }
        p = next;
    }
    if (form == WIDE) add(out, "\n", 1);
}

/* --- one schema --- */

static bool accepts(const HthGrammar *g, HthStr text) {
    HthMatcher *m = NULL;
    if (hth_matcher_open(&m, g, NULL, &err) != HTH_OK) {
        fprintf(stderr, "matcher: %s\n", err.text);
        exit(1);
    }
    const HthStatus st = hth_matcher_bytes(m, text, &err);
    if (st != HTH_OK && st != HTH_EINVAL) fprintf(stderr, "matcher: %s\n", err.text);
    const bool yes = st == HTH_OK && hth_matcher_may_end(m);
    hth_matcher_close(&m);
    return yes;
}

/* HTH_OK with *g NULL: no text at all is admitted. */
static HthStatus compile(HthGrammar **g, const char *schema, const char *end, bool noted) {
    const HthSchemaOpt opt = { HTH_SPACE_ANY, noted ? HTH_FORMATS_NOTED : HTH_FORMATS_ASSERTED };
    HthIr *ir = NULL;
    HthNode root;
    json_t *json = NULL;
    *g = NULL;
    HthStatus st = hth_json_parse(&json, (HthStr){ schema, (size_t)(end - schema) }, 1 << 20, &err);
    if (st != HTH_OK && (*schema == 't' || *schema == 'f')) {
        json = *schema == 't' ? json_true() : json_false();
        st = HTH_OK;
    }
    if (st == HTH_OK) st = hth_ir_open(&ir, &err);
    if (st == HTH_OK) st = hth_schema(ir, json, opt, &root, &err);
    const bool none = st == HTH_EINVAL && strstr(err.text, "admits no value");
    if (st == HTH_OK) {
        st = hth_grammar_open(g, ir, root, &err);
        if (st == HTH_EINVAL) st = HTH_OK; /* the language is empty */
    }
    hth_ir_close(&ir);
    json_decref(json);
    return none ? HTH_OK : st;
}

static void instance(const HthGrammar *g, const char *test, const char *file, const char *group,
                     Tally *t) {
    const char *data = member(test, "data"), *what = member(test, "description");
    const bool valid = *member(test, "valid") == 't';
    HthBuf text;
    unsigned yes = 0;
    hth_buf_init(&text, 1 << 20);
    for (int form = COMPACT; form <= ESCAPED; form++) {
        respell(&text, data, value_end(data), (Form)form);
        yes += g && accepts(g, hth_buf_str(&text));
    }
    if (valid && yes == 3) {
        t->accepted++;
    } else if (!valid && yes == 0) {
        t->rejected++;
    } else {
        t->wrong++;
        fprintf(stderr, "%s: %.*s: %.*s: %svalid, accepted in %u forms\n", file,
                (int)(string_end(group) - group), group, (int)(string_end(what) - what), what,
                valid ? "" : "in", yes);
    }
    hth_buf_drop(&text);
}

static void group(const char *p, const char *file, bool show, Tally *t) {
    const char *schema = member(p, "schema");
    HthGrammar *g;
    t->cases++;
    if (compile(&g, schema, value_end(schema), t->noted) != HTH_OK) {
        t->refused++;
        snprintf(t->why, sizeof t->why, "%s", err.text);
        if (show) fprintf(stderr, "%s: %s\n", file, err.text);
        return;
    }
    for (const char *at = blanks(member(p, "tests") + 1); *at == '{';) {
        instance(g, at, file, member(p, "description"), t);
        at = blanks(value_end(at));
        if (*at == ',') at = blanks(at + 1);
    }
    hth_grammar_close(&g);
}

int main(int argc, char **argv) {
    char path[1024];
    unsigned bad = 0, all[4] = { 0 };
    test_data_or_exit(path, sizeof path, "json-schema/tests/draft2020-12");
    const size_t root = strlen(path);
    hth_json_init();
    printf("%-34s %6s %9s %9s %8s\n", "file", "cases", "accepted", "rejected", "refused");
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        HthBuf text;
        Tally t = { .noted = strncmp(files[i].file, "optional/format", 15) != 0 };
        if (argc > 1 && !strstr(files[i].file, argv[1])) continue;
        snprintf(path + root, sizeof path - root, "/%s.json", files[i].file);
        hth_buf_init(&text, 1 << 22);
        if (hth_file_read(&text, path, &err) != HTH_OK || hth_buf_add_char(&text, 0, NULL)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        for (const char *at = blanks(blanks(text.p) + 1); *at == '{';) {
            group(at, files[i].file, argc > 1, &t);
            at = blanks(value_end(at));
            if (*at == ',') at = blanks(at + 1);
        }
        hth_buf_drop(&text);
        const bool ok = !t.wrong && t.refused == files[i].refused;
        printf("%-34s %6u %9u %9u %8u%s\n", files[i].file, t.cases, t.accepted, t.rejected,
               t.refused, ok ? "" : "  not as pinned");
        if (t.refused) printf("    refused, for one: %s\n", t.why);
        bad += !ok;
        all[0] += t.cases;
        all[1] += t.accepted;
        all[2] += t.rejected;
        all[3] += t.refused;
    }
    printf("%u schemas, %u instances accepted, %u rejected, %u schemas refused\n", all[0], all[1],
           all[2], all[3]);
    return bad > 0 || all[1] == 0;
}
