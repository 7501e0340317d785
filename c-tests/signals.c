/* Beside a host's own SIGSEGV handler: installed before the engine, or after it and chaining; and, without signals, one
 * that does not chain. Traps stay traps, and the host's faults reach the host. */
#include "test.h"

#include <signal.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static uint8_t *page;
static volatile sig_atomic_t host_faults;
static struct sigaction before;
static int chaining;

/* Repairs faults in the host's page; hands others on, if it may. */
static void on_fault(int signal, siginfo_t *info, void *context) {
    uint8_t *address = (uint8_t *)info->si_addr;
    if (address >= page && address < page + PAGE) {
        host_faults = host_faults + 1;
        mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    } else if (chaining && (before.sa_flags & SA_SIGINFO)) {
        before.sa_sigaction(signal, info, context);
    } else {
        _Exit(3);
    }
}

static void install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    CHECK_EQ(sigaction(SIGSEGV, &action, &before), 0);
}

static void fault_of_the_host(void) {
    int faults = host_faults;
    if (test_tool("valgrind")) {
        /* It cannot go on where a fault was: registers are not what they were. */
        host_faults = host_faults + 1;
        return;
    }
    CHECK_EQ(mprotect(page, PAGE, PROT_NONE), 0);
    ((volatile uint8_t *)page)[7] = 9;
    CHECK_EQ(host_faults, faults + 1);
    CHECK_EQ(page[7], 9);
}

/* A host function that faults by itself. */
static updraft_error_t *fault_inside(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                     updraft_val_t *results, size_t result_count) {
    (void)env, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    fault_of_the_host();
    return NULL;
}

static void traps_and_faults(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("", "");
    updraft_module_t *module = test_module(
        engine, "(module (import \"\" \"host\" (func $host)) (memory 1)"
                " (func (export \"memory\") (param i32) (call $host) (drop (i32.load (local.get 0))) (call $host))"
                " (func (export \"zero\") (param i32) (call $host) (drop (i32.div_u (i32.const 1) (local.get 0))) (call $host))"
                " (func $deep (export \"deep\") (param i32) (call $deep (local.get 0))))");
    updraft_instance_t instance = 0;
    updraft_extern_t import;
    updraft_func_t memory, zero, deep;
    updraft_val_t arg;
    int round, faults;
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    OK(updraft_func_new(store, functype, fault_inside, NULL, NULL, &import.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    memory = test_export(store, instance, "memory");
    zero = test_export(store, instance, "zero");
    deep = test_export(store, instance, "deep");
    for (round = 0; round < 10; round++) {
        fault_of_the_host();
        faults = host_faults;
        arg = test_i32(-4);
        TRAPS(MEMORY_OUT_OF_BOUNDS, updraft_func_call(store, memory, &arg, 1, NULL, 0, E));
        arg = test_i32(0);
        TRAPS(INTEGER_DIVIDE_BY_ZERO, updraft_func_call(store, zero, &arg, 1, NULL, 0, E));
        CHECK_EQ(host_faults, faults + 2);
        TRAPS(STACK_OVERFLOW, updraft_func_call(store, deep, &arg, 1, NULL, 0, E));
        OK(updraft_func_call(store, memory, &arg, 1, NULL, 0, E));
        CHECK_EQ(host_faults, faults + 4);
    }
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

int main(void) {
    updraft_engine_t *engine;
    updraft_config_t *config = NULL;
    page = (uint8_t *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);

    /* The host first: what is not ours is handed on to it. */
    install();
    engine = test_engine();
    traps_and_faults(engine);

    /* The host after us, and it hands on what is not its own. */
    chaining = 1;
    install();
    traps_and_faults(engine);
    updraft_engine_delete(engine);
    /* No engine lives: the host's faults still reach it. */
    fault_of_the_host();
    engine = test_engine();
    traps_and_faults(engine);
    updraft_engine_delete(engine);

    /* The host after us, keeping everything to itself: for engines without signals only. */
    chaining = 0;
    install();
    OK(updraft_config_new(&config, E));
    OK(updraft_config_set_signals(config, 0, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    traps_and_faults(engine);
    updraft_engine_delete(engine);
    munmap(page, PAGE);
    return test_end();
}
