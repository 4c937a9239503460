/* doctor.c - hearth doctor: what this machine has for hearth, and the proof that nothing leaves it.
 *
 * Thread: the main thread. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "audit/keyfile.h"
#include "base/par.h"
#include "base/room.h"
#include "cli/cli.h"
#include "cli/proof.h"
#include "cli/state.h"
#include "kern/kern.h"
#include "vault/keyring.h"

enum { OPT_JSON = 1, OPT_PROVE };

const HthOpt hth_opts_doctor[] = {
    { OPT_PROVE, 0, "prove-offline", NULL,
      "try every way out of each kind of cage; exit code 0 only if all of them were denied", NULL },
    { OPT_JSON, 0, "json", NULL, "print a JSON object", NULL },
    { 0 },
};

static const double gib = 1024.0 * 1024.0 * 1024.0;

/* ---- facts ---------------------------------------------------------------------------------- */

static HthStatus tell_system(HthBuf *out, HthErr *err) {
    struct utsname u;
    HTH_REQUIRE(uname(&u) == 0, err, HTH_EIO, "this system has no name");
    return hth_buf_printf(out, err, "%s %s, %s", u.sysname, u.release, u.machine);
}

/* The value of the first line "key : value" of a file of the kernel; "" if there is none. */
static HthStr line_of(HthBuf *file, const char *path, const char *key) {
    hth_buf_clear(file);
    if (hth_file_read(file, path, NULL) != HTH_OK) return HTH_STR("");
    const char *at = strstr(file->p, key), *colon = at != NULL ? strchr(at, ':') : NULL;
    if (colon == NULL) return HTH_STR("");
    return hth_str_trim((HthStr){ colon + 1, strcspn(colon + 1, "\n") });
}

static HthStatus tell_processor(HthBuf *out, HthErr *err) {
    HthBuf file;
    hth_buf_init(&file, 1 << 22);
    HthStr name = line_of(&file, "/proc/cpuinfo", "model name");
    HthStatus st = hth_buf_add_str(out, name.n > 0 ? name : HTH_STR("not named"), err);
    hth_buf_drop(&file);
    if (st != HTH_OK) return st;
    return hth_buf_printf(out, err, "; %u of %ld cores for this process", hth_par_cores(),
                          sysconf(_SC_NPROCESSORS_CONF));
}

static HthStatus tell_kernels(HthBuf *out, HthErr *err) {
    const HthKern *k, *picked = hth_kern_pick();
    for (size_t i = 0; (k = hth_kern_at(i)) != NULL; i++)
        if (hth_kern_runs_here(k))
            HTH_TRY(hth_buf_printf(out, err, "%s%s%s", out->n > 0 ? " " : "", k->name,
                                   k == picked ? " (picked)" : ""));
    return HTH_OK;
}

static HthStatus tell_memory(HthBuf *out, HthErr *err) {
    struct sysinfo s = { 0 };
    (void)sysinfo(&s);
    return hth_buf_printf(out, err, "%.1f GiB for this process, of %.1f",
                          (double)hth_room_available() / gib,
                          (double)s.totalram * (double)s.mem_unit / gib);
}

static HthStatus tell_huge_pages(HthBuf *out, HthErr *err) {
    HthBuf file;
    hth_buf_init(&file, 4096);
    if (hth_file_read(&file, "/sys/kernel/mm/transparent_hugepage/enabled", NULL) != HTH_OK) {
        hth_buf_drop(&file);
        return hth_buf_add_str(out, HTH_STR("none"), err);
    }
    const char *open = strchr(file.p, '['), *end = open != NULL ? strchr(open, ']') : NULL;
    HthStr mode = end != NULL ? (HthStr){ open + 1, (size_t)(end - open - 1) } : HTH_STR("unknown");
    const bool never = hth_str_eq(mode, HTH_STR("never"));
    HthStatus st = hth_buf_printf(out, err, "%.*s%s", HTH_STR_ARG(mode),
                                  never ? " (madvise would make reading weights cheaper)" : "");
    hth_buf_drop(&file);
    return st;
}

static HthStatus tell_lock(HthBuf *out, HthErr *err) {
    struct rlimit r = { 0, 0 };
    (void)getrlimit(RLIMIT_MEMLOCK, &r);
    if (r.rlim_cur == RLIM_INFINITY) return hth_buf_add_str(out, HTH_STR("without limit"), err);
    return hth_buf_printf(out, err, "up to %.1f MiB (ulimit -l)", (double)r.rlim_cur / 1048576.0);
}

static HthStatus tell_swap(HthBuf *out, HthErr *err) {
    struct sysinfo s = { 0 };
    (void)sysinfo(&s);
    if (s.totalswap == 0) return hth_buf_add_str(out, HTH_STR("none"), err);
    return hth_buf_printf(out, err, "%.1f GiB: what is not locked may be written there; encrypt it",
                          (double)s.totalswap * (double)s.mem_unit / gib);
}

static HthStatus tell_cage(HthCageKind kind, HthBuf *out, HthErr *err) {
    HthCageState s;
    HTH_TRY(hth_cage_look(kind, &s, err));
    HTH_TRY(hth_buf_printf(out, err, "%u rules for system calls, %u instructions; ", s.rules,
                           s.instructions));
    HTH_TRY(hth_buf_add_str(out,
                            s.namespace
                                ? HTH_STR("an empty network")
                                : HTH_STR("no network of its own (this user may make none)"),
                            err));
    if (!s.files)
        return hth_buf_add_str(out, HTH_STR("; files are open (no Landlock in this kernel)"), err);
    return hth_buf_printf(out, err, "; its own files only (Landlock %d)", s.landlock_abi);
}

static HthStatus tell_front(HthBuf *out, HthErr *err) {
    return tell_cage(HTH_CAGE_FRONT, out, err);
}

static HthStatus tell_engine(HthBuf *out, HthErr *err) {
    return tell_cage(HTH_CAGE_ENGINE, out, err);
}

static HthStatus tell_main(HthBuf *out, HthErr *err) {
    return tell_cage(HTH_CAGE_MAIN, out, err);
}

#ifdef HTH_HAVE_SERVER
/* What opens what is kept, and whether that is more than the folder it is kept in. */
static HthStatus tell_keyring(HthBuf *out, HthErr *err) {
    static const char *const kinds[] = { [HTH_SLOT_PASSPHRASE] = "a passphrase",
                                         [HTH_SLOT_FILE] = "a key file",
                                         [HTH_SLOT_TPM] = "the TPM" };
    HthKeySlot slots[HTH_SLOTS_MAX];
    uint32_t count = 0;
    bool inside = false;
    HthBuf path;
    hth_buf_init(&path, 4096);
    HthStatus st = hth_state_file(&path, "keyring", false, err);
    const bool there = st == HTH_OK && access(path.p, F_OK) == 0;
    hth_buf_clear(&path);
    if (st == HTH_OK) st = hth_state_file(&path, "keyring.key", false, err);
    if (there && st == HTH_OK) {
        inside = access(path.p, F_OK) == 0;
        *strrchr(path.p, '/') = '\0';
        st = hth_keyring_slots(path.p, slots, &count, err);
    }
    hth_buf_drop(&path);
    HTH_TRY(st);
    if (!count) return hth_buf_add_str(out, HTH_STR("none yet"), err);
    for (uint32_t i = 0; i < count; i++)
        HTH_TRY(hth_buf_printf(out, err, "%s%s%s", i ? ", " : "opened by ", kinds[slots[i].kind],
                               slots[i].pin ? " with a PIN" : ""));
    if (!inside) return HTH_OK;
    return hth_buf_add_str(out, HTH_STR("; a key lies beside the data (hearth vault)"), err);
}

static HthStatus tell_signing(HthBuf *out, HthErr *err) {
    static const char *const keys[][2] = { { "audit log", "audit/key" },
                                           { "receipts", "receipt.key" } };
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        HthBuf path;
        hth_buf_init(&path, 4096);
        HthStatus st = hth_state_file(&path, keys[i][1], false, err);
        if (st == HTH_OK)
            st = hth_buf_printf(out, err, "%s%s: %s", i ? ", " : "", keys[i][0],
                                hth_keyfile_look(path.p));
        hth_buf_drop(&path);
        HTH_TRY(st);
    }
    return HTH_OK;
}
#endif

static const struct {
    const char *key, *label;
    HthStatus (*tell)(HthBuf *out, HthErr *err);
} facts[] = {
    { "system", "system", tell_system },
    { "processor", "processor", tell_processor },
    { "kernels", "kernels", tell_kernels },
    { "memory", "memory", tell_memory },
    { "huge_pages", "huge pages", tell_huge_pages },
    { "lock", "locking", tell_lock },
    { "swap", "swap", tell_swap },
    { "cage_front", "cage: front", tell_front },
    { "cage_engine", "cage: engine", tell_engine },
    { "cage_main", "cage: main", tell_main },
#ifdef HTH_HAVE_SERVER
    { "keyring", "keyring", tell_keyring },
    { "signing", "signing keys", tell_signing },
#endif
};

/* A fact that cannot be had says why, and the exit code says that there was one. */
static int examine(bool json) {
    HthBuf text;
    int code = HTH_EXIT_OK;
    json_t *all = json ? json_object() : NULL;
    hth_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < HTH_COUNT(facts); i++) {
        HthErr err = { 0 };
        hth_buf_clear(&text);
        if (facts[i].tell(&text, &err) != HTH_OK) code = HTH_EXIT_UNAVAILABLE;
        HthStr s = err.status == HTH_OK ? hth_buf_str(&text) : hth_str(err.text);
        if (json)
            (void)json_object_set_new(all, facts[i].key, hth_json_str(s));
        else
            printf("%-13s %.*s\n", facts[i].label, HTH_STR_ARG(s));
    }
    hth_buf_drop(&text);
    if (!json) return code;
    const int printed = hth_cli_json(all);
    return printed != HTH_EXIT_OK ? printed : code;
}

/* ---- the proof ------------------------------------------------------------------------------ */

/* What both passes of a try say together: the weaker of the two. */
static int answer_of(const HthCageTry *t) {
    return t->rule == t->want ? t->fact : t->rule;
}

static bool denied(const HthCageTry *t) {
    return t->rule == t->want && t->fact == t->want;
}

static const HthCageTry *find(const HthCageProof *p, const char *name) {
    for (uint32_t i = 0; i < p->count; i++)
        if (p->tries[i].name == name) return &p->tries[i];
    return NULL;
}

static void cell(char out[48], const HthCageTry *t) {
    if (t == NULL) {
        snprintf(out, 48, "-"); /* what it is for, or its places say */
        return;
    }
    hth_cage_answer(out, 48, answer_of(t));
    if (!denied(t)) snprintf(out, 48, "NOT DENIED (%d, %d)", t->rule, t->fact);
}

static void print_proof(const HthProof *p) {
    const HthCageProof *last = &p->kinds[HTH_CAGE_KINDS - 1]; /* it is denied all of it */
    char cells[HTH_CAGE_KINDS][48];
    printf("%-48s  %-16s  %-16s  %s\n", "way out", "front", "engine", "main");
    for (uint32_t i = 0; i < last->count; i++) {
        for (int k = 0; k < HTH_CAGE_KINDS; k++)
            cell(cells[k], find(&p->kinds[k], last->tries[i].name));
        printf("%-48s  %-16s  %-16s  %s\n", last->tries[i].name, cells[0], cells[1], cells[2]);
    }
    for (int k = 0; k < HTH_CAGE_KINDS; k++)
        printf("%s: %u of %u ways out denied; %s arrived outside\n",
               hth_cage_kind_name((HthCageKind)k), p->kinds[k].denied, p->kinds[k].count,
               p->kinds[k].silent ? "nothing" : "SOMETHING");
    if (p->sha3_256[0] != '\0') printf("sha3-256 of this proof: %s\n", p->sha3_256);
}

static json_t *kind_json(const HthCageProof *p) {
    json_t *tries = json_array();
    char answer[48];
    for (uint32_t i = 0; i < p->count; i++) {
        const HthCageTry *t = &p->tries[i];
        hth_cage_answer(answer, sizeof answer, answer_of(t));
        (void)json_array_append_new(tries, json_pack("{s:s, s:s, s:b}", "name", t->name, "answer",
                                                     answer, "denied", (int)denied(t)));
    }
    return json_pack("{s:I, s:I, s:b, s:I, s:I, s:b, s:I, s:o}", "tries", (json_int_t)p->count,
                     "denied", (json_int_t)p->denied, "silent", (int)p->silent, "rules",
                     (json_int_t)p->state.rules, "instructions", (json_int_t)p->state.instructions,
                     "namespace", (int)p->state.namespace, "landlock",
                     (json_int_t)p->state.landlock_abi, "ways_out", tries);
}

static int prove(bool json) {
    static HthProof p; /* 4 KB: once */
    HthErr err = { 0 };
    int code = HTH_EXIT_OK;
    if (hth_proof_run(&p, &err) != HTH_OK) return hth_cli_fail(&err);
    if (json)
        code = hth_cli_json(json_pack("{s:b, s:o, s:o, s:o, s:s*}", "offline", (int)p.held, "front",
                                      kind_json(&p.kinds[HTH_CAGE_FRONT]), "engine",
                                      kind_json(&p.kinds[HTH_CAGE_ENGINE]), "main",
                                      kind_json(&p.kinds[HTH_CAGE_MAIN]), "sha3_256",
                                      p.sha3_256[0] != '\0' ? p.sha3_256 : NULL));
    else
        print_proof(&p);
    if (p.held || code != HTH_EXIT_OK) return code;
    return hth_cli_error(HTH_EXIT_OS, "a way out is open: this system does not hold a cage");
}

int hth_cli_doctor(HthArgs *args) {
    bool json = false, proof = false;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: json = true; break;
        case OPT_PROVE: proof = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default: return hth_cli_usage("doctor", "doctor takes no argument");
        }
    }
    return proof ? prove(json) : examine(json);
}
