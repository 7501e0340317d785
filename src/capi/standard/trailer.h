
/* What follows is no declaration: macros and inline helpers of the standard, written by hand. */

/* Names are vectors of bytes. The standard's revision has a slip of the pen in one of these; both spellings work. */
#define wasm_name wasm_byte_vec
#define wasm_name_new wasm_byte_vec_new
#define wasm_name_new_empty wasm_byte_vec_new_empty
#define wasm_name_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_new_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_copy wasm_byte_vec_copy
#define wasm_name_delete wasm_byte_vec_delete

/* No maximum. */
static const uint32_t wasm_limits_max_default = 0xffffffff;

/* Bytes of a page. */
static const size_t MEMORY_PAGE_SIZE = 0x10000;

/* Initialisers of vectors that own nothing. */
#define WASM_EMPTY_VEC {0, NULL}
#define WASM_ARRAY_VEC(array) {sizeof(array) / sizeof(*(array)), array}

/* Initialisers of values. */
#define WASM_I32_VAL(i) {.kind = WASM_I32, .of = {.i32 = i}}
#define WASM_I64_VAL(i) {.kind = WASM_I64, .of = {.i64 = i}}
#define WASM_F32_VAL(z) {.kind = WASM_F32, .of = {.f32 = z}}
#define WASM_F64_VAL(z) {.kind = WASM_F64, .of = {.f64 = z}}
#define WASM_REF_VAL(r) {.kind = WASM_EXTERNREF, .of = {.ref = r}}
#define WASM_INIT_VAL {.kind = WASM_EXTERNREF, .of = {.ref = NULL}}

/* Declarations of types in the manner of the standard, for headers that add types of their own. The functions must be
 * defined elsewhere: those of the standard's types are declared above. */
#define WASM_DECLARE_OWN(name) \
  typedef struct wasm_##name##_t wasm_##name##_t; \
  WASM_API_EXTERN void wasm_##name##_delete(wasm_##name##_t *);

#define WASM_DECLARE_VEC(name, ptr_or_none) \
  typedef struct wasm_##name##_vec_t { \
    size_t size; \
    wasm_##name##_t ptr_or_none *data; \
  } wasm_##name##_vec_t; \
  WASM_API_EXTERN void wasm_##name##_vec_new_empty(wasm_##name##_vec_t *out); \
  WASM_API_EXTERN void wasm_##name##_vec_new_uninitialized(wasm_##name##_vec_t *out, size_t); \
  WASM_API_EXTERN void wasm_##name##_vec_new(wasm_##name##_vec_t *out, size_t, \
                                             wasm_##name##_t ptr_or_none const[]); \
  WASM_API_EXTERN void wasm_##name##_vec_copy(wasm_##name##_vec_t *out, const wasm_##name##_vec_t *); \
  WASM_API_EXTERN void wasm_##name##_vec_delete(wasm_##name##_vec_t *);

#define WASM_DECLARE_TYPE(name) \
  WASM_DECLARE_OWN(name) \
  WASM_DECLARE_VEC(name, *) \
  WASM_API_EXTERN wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *);

#define WASM_DECLARE_REF_BASE(name) \
  WASM_DECLARE_OWN(name) \
  WASM_API_EXTERN wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *); \
  WASM_API_EXTERN bool wasm_##name##_same(const wasm_##name##_t *, const wasm_##name##_t *); \
  WASM_API_EXTERN void *wasm_##name##_get_host_info(const wasm_##name##_t *); \
  WASM_API_EXTERN void wasm_##name##_set_host_info(wasm_##name##_t *, void *); \
  WASM_API_EXTERN void wasm_##name##_set_host_info_with_finalizer(wasm_##name##_t *, void *, void (*)(void *));

#define WASM_DECLARE_REF(name) \
  WASM_DECLARE_REF_BASE(name) \
  WASM_API_EXTERN wasm_ref_t *wasm_##name##_as_ref(wasm_##name##_t *); \
  WASM_API_EXTERN wasm_##name##_t *wasm_ref_as_##name(wasm_ref_t *); \
  WASM_API_EXTERN const wasm_ref_t *wasm_##name##_as_ref_const(const wasm_##name##_t *); \
  WASM_API_EXTERN const wasm_##name##_t *wasm_ref_as_##name##_const(const wasm_ref_t *);

#define WASM_DECLARE_SHARABLE_REF(name) \
  WASM_DECLARE_REF(name) \
  WASM_DECLARE_OWN(shared_##name) \
  WASM_API_EXTERN wasm_shared_##name##_t *wasm_##name##_share(const wasm_##name##_t *); \
  WASM_API_EXTERN wasm_##name##_t *wasm_##name##_obtain(wasm_store_t *, const wasm_shared_##name##_t *);

#ifdef __cplusplus
extern "C" {
#endif

/* The name that a C string holds, without its NUL. */
static inline void wasm_name_new_from_string(wasm_name_t *out, const char *text) {
  wasm_name_new(out, strlen(text), text);
}

/* The same with its NUL. */
static inline void wasm_name_new_from_string_nt(wasm_name_t *out, const char *text) {
  wasm_name_new(out, strlen(text) + 1, text);
}

static inline bool wasm_valkind_is_num(wasm_valkind_t kind) {
  return kind < WASM_EXTERNREF;
}

static inline bool wasm_valkind_is_ref(wasm_valkind_t kind) {
  return kind >= WASM_EXTERNREF;
}

static inline bool wasm_valtype_is_num(const wasm_valtype_t *type) {
  return wasm_valkind_is_num(wasm_valtype_kind(type));
}

static inline bool wasm_valtype_is_ref(const wasm_valtype_t *type) {
  return wasm_valkind_is_ref(wasm_valtype_kind(type));
}

static inline wasm_valtype_t *wasm_valtype_new_i32(void) {
  return wasm_valtype_new(WASM_I32);
}

static inline wasm_valtype_t *wasm_valtype_new_i64(void) {
  return wasm_valtype_new(WASM_I64);
}

static inline wasm_valtype_t *wasm_valtype_new_f32(void) {
  return wasm_valtype_new(WASM_F32);
}

static inline wasm_valtype_t *wasm_valtype_new_f64(void) {
  return wasm_valtype_new(WASM_F64);
}

static inline wasm_valtype_t *wasm_valtype_new_externref(void) {
  return wasm_valtype_new(WASM_EXTERNREF);
}

static inline wasm_valtype_t *wasm_valtype_new_funcref(void) {
  return wasm_valtype_new(WASM_FUNCREF);
}

/* Function types of P parameters and R results: wasm_functype_new_P_R. The value types are taken over. */
static inline wasm_functype_t *updraft_wasm_functype(size_t param_count, wasm_valtype_t *const params[],
                                                     size_t result_count, wasm_valtype_t *const results[]) {
  wasm_valtype_vec_t param_vec, result_vec;
  wasm_valtype_vec_new(&param_vec, param_count, params);
  wasm_valtype_vec_new(&result_vec, result_count, results);
  return wasm_functype_new(&param_vec, &result_vec);
}

static inline wasm_functype_t *wasm_functype_new_0_0(void) {
  return updraft_wasm_functype(0, NULL, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_1_0(wasm_valtype_t *p) {
  wasm_valtype_t *params[1] = {p};
  return updraft_wasm_functype(1, params, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_2_0(wasm_valtype_t *p1, wasm_valtype_t *p2) {
  wasm_valtype_t *params[2] = {p1, p2};
  return updraft_wasm_functype(2, params, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_3_0(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3) {
  wasm_valtype_t *params[3] = {p1, p2, p3};
  return updraft_wasm_functype(3, params, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_0_1(wasm_valtype_t *r) {
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(0, NULL, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_1_1(wasm_valtype_t *p, wasm_valtype_t *r) {
  wasm_valtype_t *params[1] = {p};
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(1, params, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_2_1(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *r) {
  wasm_valtype_t *params[2] = {p1, p2};
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(2, params, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_3_1(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3,
                                                     wasm_valtype_t *r) {
  wasm_valtype_t *params[3] = {p1, p2, p3};
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(3, params, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_0_2(wasm_valtype_t *r1, wasm_valtype_t *r2) {
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(0, NULL, 2, results);
}

static inline wasm_functype_t *wasm_functype_new_1_2(wasm_valtype_t *p, wasm_valtype_t *r1, wasm_valtype_t *r2) {
  wasm_valtype_t *params[1] = {p};
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(1, params, 2, results);
}

static inline wasm_functype_t *wasm_functype_new_2_2(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *r1,
                                                     wasm_valtype_t *r2) {
  wasm_valtype_t *params[2] = {p1, p2};
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(2, params, 2, results);
}

static inline wasm_functype_t *wasm_functype_new_3_2(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3,
                                                     wasm_valtype_t *r1, wasm_valtype_t *r2) {
  wasm_valtype_t *params[3] = {p1, p2, p3};
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(3, params, 2, results);
}

/* A pointer as an integer value of its size. */
static inline void wasm_val_init_ptr(wasm_val_t *out, void *pointer) {
#if UINTPTR_MAX == UINT32_MAX
  out->kind = WASM_I32;
  out->of.i32 = (int32_t)(intptr_t)pointer;
#else
  out->kind = WASM_I64;
  out->of.i64 = (int64_t)(intptr_t)pointer;
#endif
}

/* The pointer that wasm_val_init_ptr put into a value. */
static inline void *wasm_val_ptr(const wasm_val_t *value) {
#if UINTPTR_MAX == UINT32_MAX
  return (void *)(intptr_t)value->of.i32;
#else
  return (void *)(intptr_t)value->of.i64;
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* WASM_H */
