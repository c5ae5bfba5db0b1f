/* A Modbus TCP client on libmodbus for the benchmark: reads the registers of some units in blocks over one connection and prints what it took as JSON.
 *
 * modbus_client PORT UNITS REGISTERS BLOCK SCANS
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: %s PORT UNITS REGISTERS BLOCK SCANS\n", argv[0]);
        return 2;
    }
    int units = atoi(argv[2]), count = atoi(argv[3]), block = atoi(argv[4]), scans = atoi(argv[5]);
    uint16_t found[MODBUS_MAX_READ_REGISTERS];
    if (units < 1 || units > 247 || count < 1 || count > 4096 || block < 1 || block > MODBUS_MAX_READ_REGISTERS || scans < 1) {
        fprintf(stderr, "units 1 .. 247, registers 1 .. 4096, block 1 .. %d, scans from 1\n", MODBUS_MAX_READ_REGISTERS);
        return 2;
    }
    modbus_t *link = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    double *took_s = calloc((size_t)scans, sizeof *took_s);
    if (!link || !took_s || modbus_connect(link) < 0) {
        fprintf(stderr, "port %s: %s\n", argv[1], modbus_strerror(errno));
        return 1;
    }
    modbus_set_response_timeout(link, 5, 0);
    double used_s = cpu_s();
    for (int scan = 0; scan < scans; scan++) {
        double began_s = now_s();
        for (int unit = 1; unit <= units; unit++) {
            modbus_set_slave(link, unit);
            for (int at = 0; at < count; at += block) {
                int wanted = count - at < block ? count - at : block;
                if (modbus_read_registers(link, at, wanted, found) != wanted || found[wanted - 1] != at + wanted - 1) {
                    fprintf(stderr, "unit %d, registers from %d: %s\n", unit, at, modbus_strerror(errno));
                    return 1;
                }
            }
        }
        took_s[scan] = now_s() - began_s;
    }
    used_s = cpu_s() - used_s;
    printf("{\"cpu_s\": %.6f, \"scan_s\": [", used_s);
    for (int scan = 0; scan < scans; scan++)
        printf("%s%.9f", scan ? ", " : "", took_s[scan]);
    printf("]}\n");
    modbus_close(link);
    modbus_free(link);
    free(took_s);
    return 0;
}
