/* A small ray tracer: spheres and a checkered floor, mirrors, glass, soft shadows, a lens and fog.
 *
 *     raytracer [--size WIDTHxHEIGHT] [--samples N] [PICTURE.ppm]
 *
 * It writes the picture as a PPM file, then a preview, the time it took and a checksum to the terminal.
 * The picture is the same on every machine: the only floating-point operations are the ones that
 * WebAssembly and IEEE 754 define exactly (no sine, no power), and all random numbers come from a hash
 * of the pixel.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    double x, y, z;
} vec;

static vec v(double x, double y, double z) { return (vec){x, y, z}; }
static vec add(vec a, vec b) { return v(a.x + b.x, a.y + b.y, a.z + b.z); }
static vec sub(vec a, vec b) { return v(a.x - b.x, a.y - b.y, a.z - b.z); }
static vec mul(vec a, vec b) { return v(a.x * b.x, a.y * b.y, a.z * b.z); }
static vec scale(vec a, double k) { return v(a.x * k, a.y * k, a.z * k); }
static double dot(vec a, vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static vec cross(vec a, vec b) {
    return v(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
static vec unit(vec a) { return scale(a, 1.0 / sqrt(dot(a, a))); }
static vec mix(vec a, vec b, double t) { return add(scale(a, 1.0 - t), scale(b, t)); }
static vec mirror(vec direction, vec normal) { return sub(direction, scale(normal, 2.0 * dot(direction, normal))); }

/* A generator per pixel (PCG), so that the order in which pixels are drawn does not matter. */
typedef struct {
    uint64_t state;
} random_t;

static double next(random_t *random) {
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    uint32_t shifted = (uint32_t)(((random->state >> 18) ^ random->state) >> 27);
    uint32_t turn = (uint32_t)(random->state >> 59);
    uint32_t bits = (shifted >> turn) | (shifted << ((32 - turn) & 31));
    return bits * (1.0 / 4294967296.0);
}

/* A point in the unit ball, by rejection. */
static vec in_ball(random_t *random) {
    for (;;) {
        /* One statement each: the order in which arguments are evaluated is the compiler's choice. */
        double x = next(random) * 2 - 1;
        double y = next(random) * 2 - 1;
        double z = next(random) * 2 - 1;
        if (x * x + y * y + z * z < 1.0) return v(x, y, z);
    }
}

typedef struct {
    vec center;
    double radius;
    vec color;
    double reflection; /* 0 = matt, 1 = mirror */
    double refraction; /* index of refraction, 0 = not transparent */
    double roughness;  /* how much a reflection is blurred */
} sphere_t;

enum { SPHERE_MAX = 32, DEPTH_MAX = 5 };
static sphere_t spheres[SPHERE_MAX];
static int sphere_count;

static const vec light_center = {-6.0, 9.0, -5.0};
static const double light_radius = 1.6;

static void put(vec center, double radius, vec color, double reflection, double refraction, double roughness) {
    spheres[sphere_count++] = (sphere_t){center, radius, color, reflection, refraction, roughness};
}

static void build_scene(void) {
    put(v(0.0, 1.25, 1.2), 1.25, v(0.95, 0.93, 0.90), 0.90, 0.0, 0.0);  /* the mirror */
    put(v(-2.5, 0.90, 0.1), 0.90, v(0.92, 0.25, 0.18), 0.12, 0.0, 0.02);
    put(v(2.4, 1.00, 0.5), 1.00, v(1.00, 0.78, 0.25), 0.70, 0.0, 0.12); /* brushed gold */
    put(v(0.9, 0.55, -1.7), 0.55, v(0.98, 0.99, 1.00), 0.0, 1.5, 0.0);  /* glass */
    put(v(-1.0, 0.42, -1.5), 0.42, v(0.15, 0.35, 0.85), 0.20, 0.0, 0.0);
    /* A ring of pearls around the mirror, from a rotation by 36 degrees repeated ten times. */
    const double cosine = 0.8090169943749475, sine = 0.5877852522924731;
    double x = 3.6, z = 0.0;
    for (int i = 0; i < 10; i++) {
        double hue = i / 10.0;
        vec color = v(0.35 + 0.6 * fabs(hue * 2 - 1), 0.35 + 0.55 * (1 - fabs(hue * 2 - 0.8)), 0.45 + 0.5 * hue);
        put(v(x, 0.24, z + 0.6), 0.24, color, 0.18, 0.0, 0.0);
        double turned = x * cosine - z * sine;
        z = x * sine + z * cosine;
        x = turned;
    }
}

/* The distance to the nearest thing that the ray meets: the index of a sphere, -1 for the floor, -2 for the sky. */
static int hit(vec origin, vec direction, double *distance) {
    int found = -2;
    double nearest = 1e30;
    for (int i = 0; i < sphere_count; i++) {
        vec to = sub(spheres[i].center, origin);
        double along = dot(to, direction);
        double inside = along * along - dot(to, to) + spheres[i].radius * spheres[i].radius;
        if (inside <= 0.0) continue;
        double half = sqrt(inside);
        double t = along - half > 1e-6 ? along - half : along + half;
        if (t > 1e-6 && t < nearest) {
            nearest = t;
            found = i;
        }
    }
    if (direction.y < -1e-9) {
        double t = -origin.y / direction.y;
        if (t > 1e-6 && t < nearest) {
            nearest = t;
            found = -1;
        }
    }
    *distance = nearest;
    return found;
}

/* How much light arrives: a random point of the lamp is seen or not. Glass lets most of it through. */
static double light_at(vec point, vec towards) {
    double length = sqrt(dot(towards, towards));
    vec direction = scale(towards, 1.0 / length);
    double light = 1.0;
    for (int i = 0; i < sphere_count; i++) {
        vec to = sub(spheres[i].center, point);
        double along = dot(to, direction);
        double inside = along * along - dot(to, to) + spheres[i].radius * spheres[i].radius;
        if (inside <= 0.0) continue;
        double t = along - sqrt(inside);
        if (t > 1e-4 && t < length) {
            if (spheres[i].refraction == 0.0) return 0.0;
            light *= 0.75;
        }
    }
    return light;
}

static vec sky(vec direction) {
    double height = direction.y < 0.0 ? 0.0 : direction.y;
    vec color = mix(v(0.86, 0.90, 0.97), v(0.20, 0.42, 0.78), sqrt(height));
    double glow = dot(direction, unit(light_center));
    if (glow > 0.0) {
        double g2 = glow * glow, g4 = g2 * g2, g16 = g4 * g4 * g4 * g4, g64 = g16 * g16 * g16 * g16;
        color = add(color, scale(v(1.0, 0.85, 0.6), 0.25 * g4 + 0.9 * g64));
    }
    return color;
}

static vec trace(vec origin, vec direction, int depth, random_t *random) {
    double distance;
    int found = hit(origin, direction, &distance);
    if (found == -2) return sky(direction);

    vec point = add(origin, scale(direction, distance));
    sphere_t floor = {.color = {0.0, 0.0, 0.0}, .reflection = 0.18, .roughness = 0.01};
    const sphere_t *thing = found >= 0 ? &spheres[found] : &floor;
    vec normal = v(0.0, 1.0, 0.0);
    if (found >= 0) {
        normal = scale(sub(point, thing->center), 1.0 / thing->radius);
    } else {
        bool dark = (((int)(point.x + 1000.0) ^ (int)(point.z + 1000.0)) & 1) != 0;
        floor.color = dark ? v(0.10, 0.12, 0.16) : v(0.88, 0.86, 0.80);
    }

    bool leaving = dot(direction, normal) > 0.0;
    vec facing = leaving ? scale(normal, -1.0) : normal;
    double cosine = -dot(direction, facing);
    double grazing = 1.0 - cosine, grazing2 = grazing * grazing, grazing5 = grazing2 * grazing2 * grazing;

    if (thing->refraction > 0.0 && depth < DEPTH_MAX) {
        double eta = leaving ? thing->refraction : 1.0 / thing->refraction;
        double k = 1.0 - eta * eta * (1.0 - cosine * cosine);
        double fresnel = k < 0.0 ? 1.0 : 0.04 + 0.96 * grazing5;
        if (next(random) < fresnel) return trace(point, unit(mirror(direction, facing)), depth + 1, random);
        vec bent = add(scale(direction, eta), scale(facing, eta * cosine - sqrt(k)));
        return mul(thing->color, trace(point, unit(bent), depth + 1, random));
    }

    vec lamp = sub(add(light_center, scale(in_ball(random), light_radius)), point);
    double slope = dot(normal, unit(lamp));
    double lit = slope > 0.0 ? slope * light_at(point, lamp) : 0.0;
    vec color = scale(thing->color, 0.22 + 0.90 * lit);
    if (lit > 0.0) {
        double gloss = dot(mirror(direction, normal), unit(lamp));
        if (gloss > 0.0) {
            double g2 = gloss * gloss, g8 = g2 * g2 * g2 * g2, g32 = g8 * g8 * g8 * g8;
            color = add(color, scale(v(1.0, 0.97, 0.9), 0.5 * g32 * lit));
        }
    }
    double reflection = thing->reflection + (1.0 - thing->reflection) * 0.6 * grazing5;
    if (reflection > 0.01 && depth < DEPTH_MAX) {
        vec out = mirror(direction, normal);
        if (thing->roughness > 0.0) out = add(out, scale(in_ball(random), thing->roughness));
        vec seen = trace(point, unit(out), depth + 1, random);
        vec tint = found >= 0 && thing->reflection > 0.5 ? thing->color : v(1.0, 1.0, 1.0);
        color = mix(color, mul(seen, tint), reflection);
    }
    double fog = distance / 60.0;
    return mix(color, v(0.86, 0.90, 0.97), fog > 1.0 ? 1.0 : fog * fog);
}

static uint8_t byte_of(double light) {
    /* Square root for gamma 2: exact everywhere, unlike a power. */
    double level = sqrt(light < 0.0 ? 0.0 : light) * 255.0 + 0.5;
    return level > 255.0 ? 255 : (uint8_t)level;
}

static void render(uint8_t *pixels, int width, int height, int samples) {
    vec eye = v(0.6, 2.3, -7.5), target = v(0.0, 0.9, 0.3);
    vec forward = unit(sub(target, eye));
    vec right = unit(cross(v(0.0, 1.0, 0.0), forward));
    vec up = cross(forward, right);
    double focus = sqrt(dot(sub(target, eye), sub(target, eye))) - 0.8;
    for (int row = 0; row < height; row++) {
        for (int column = 0; column < width; column++) {
            random_t random = {(uint64_t)row * 0x9E3779B97F4A7C15u + (uint64_t)column * 0xD1B54A32D192ED03u + 1};
            vec sum = v(0.0, 0.0, 0.0);
            for (int s = 0; s < samples; s++) {
                double x = (column + next(&random) - width * 0.5) / height;
                double y = (height * 0.5 - row - next(&random)) / height;
                vec pointed = add(eye, scale(add(forward, add(scale(right, x * 0.82), scale(up, y * 0.82))), focus));
                vec ball = in_ball(&random);
                vec from = add(eye, scale(add(scale(right, ball.x), scale(up, ball.y)), 0.035));
                sum = add(sum, trace(from, unit(sub(pointed, from)), 0, &random));
            }
            uint8_t *pixel = pixels + ((size_t)row * (size_t)width + (size_t)column) * 3;
            pixel[0] = byte_of(sum.x / samples);
            pixel[1] = byte_of(sum.y / samples);
            pixel[2] = byte_of(sum.z / samples);
        }
    }
}

/* The mean colour of a rectangle of pixels. */
static void average(const uint8_t *pixels, int width, int x0, int x1, int y0, int y1, int out[3]) {
    long sum[3] = {0, 0, 0}, count = 0;
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++, count++) {
            for (int c = 0; c < 3; c++) sum[c] += pixels[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c];
        }
    }
    for (int c = 0; c < 3; c++) out[c] = (int)(sum[c] / (count > 0 ? count : 1));
}

/* Half blocks in colour on a terminal, letters of growing darkness elsewhere. */
static void preview(const uint8_t *pixels, int width, int height, bool in_color) {
    int columns = width < 80 ? width : 80;
    int rows = columns * height / width / 2;
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            int x0 = column * width / columns, x1 = (column + 1) * width / columns;
            int y0 = row * height / rows, y2 = (row + 1) * height / rows, y1 = (y0 + y2) / 2;
            int top[3], bottom[3];
            average(pixels, width, x0, x1, y0, y1 > y0 ? y1 : y2, top);
            average(pixels, width, x0, x1, y1, y2, bottom);
            if (in_color) {
                printf("\x1b[38;2;%d;%d;%dm\x1b[48;2;%d;%d;%dm\xe2\x96\x80", top[0], top[1], top[2], bottom[0], bottom[1],
                       bottom[2]);
            } else {
                static const char shades[] = " .:-=+*#%@";
                int light = (top[0] + bottom[0]) * 3 + (top[1] + bottom[1]) * 6 + (top[2] + bottom[2]);
                putchar(shades[light * 9 / (255 * 20)]);
            }
        }
        fputs(in_color ? "\x1b[0m\n" : "\n", stdout);
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int usage(void) {
    fputs("usage: raytracer [--size WIDTHxHEIGHT] [--samples N] [PICTURE.ppm]\n", stderr);
    return 2;
}

int main(int argc, char **argv) {
    int width = 640, height = 400, samples = 24;
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--size") == 0 && i + 1 < argc) {
            if (sscanf(argv[++i], "%dx%d", &width, &height) != 2) return usage();
        } else if (strcmp(argv[i], "--samples") == 0 && i + 1 < argc) {
            samples = atoi(argv[++i]);
        } else if (argv[i][0] == '-' || path != NULL) {
            return usage();
        } else {
            path = argv[i];
        }
    }
    if (width < 2 || width > 8192 || height < 2 || height > 8192 || samples < 1 || samples > 10000) return usage();

    size_t size = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = malloc(size);
    if (pixels == NULL) {
        fputs("raytracer: no memory for the picture\n", stderr);
        return 1;
    }
    double start = seconds();
    build_scene();
    render(pixels, width, height, samples);
    double took = seconds() - start;

    uint64_t checksum = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++) checksum = (checksum ^ pixels[i]) * 0x100000001b3u;

    if (path != NULL) {
        FILE *file = fopen(path, "wb");
        if (file == NULL) {
            perror(path);
            return 1;
        }
        fprintf(file, "P6\n%d %d\n255\n", width, height);
        if (fwrite(pixels, 1, size, file) != size || fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    preview(pixels, width, height, isatty(STDOUT_FILENO) != 0);
    printf("%dx%d, %d rays per pixel, %.2f seconds, checksum %016llx\n", width, height, samples, took,
           (unsigned long long)checksum);
    if (path != NULL) printf("written to %s\n", path);
    free(pixels);
    return 0;
}
