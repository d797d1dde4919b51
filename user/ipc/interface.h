/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control interface of uwd, io.uwctl.Control, as one table: what there is to call, with what,
 * and who may. The Varlink text that `varlinkctl introspect` shows is made from it, and the server
 * checks rights by it, so neither can drift from the other.
 */
#ifndef UW_IPC_INTERFACE_H
#define UW_IPC_INTERFACE_H

#include <stdbool.h>

#define IPC_INTERFACE   "io.uwctl.Control"
#define IPC_SOCKET_PATH "/run/uw/uwd.sock"

enum ipc_method {
	IPC_STATUS,
	IPC_LOG,
	IPC_WHY,
	IPC_EXPLAIN,
	IPC_CONFIG,
	IPC_RELOAD,
	IPC_FREEZE,
	IPC_THAW,
	IPC_RECLAIM,
	IPC_FORGET,
	IPC_SUBMIT,
	IPC_QUEUE,
	IPC_JOB,
	IPC_WAIT,
	IPC_CANCEL,
	IPC_HOLD,
	IPC_RELEASE,
	IPC_REQUEUE,
	IPC_LOGS,
	IPC_HISTORY,
	IPC_RECOMMEND,
	IPC_LEASES,
	IPC_FREE_LEASE,
	IPC_POOLS,
	IPC_METRICS,
	IPC_ENTER,
	IPC_ENDED,
	IPC_VACATE,
	IPC_METHOD__COUNT
};

struct ipc_method_row {
	const char *name;
	const char *doc;
	const char *in, *out; /* Varlink structs, with their parentheses */
	bool needs_root;      /* else root and members of the socket's group ... */
	bool by_job;          /* ... or whoever may connect: whose jobs they are decides */
	bool more;            /* may be called with "more" and then answers many times */
	bool is_long;         /* a call may have IPC_REQUEST_MAX bytes, else IPC_CALL_SHORT */
	bool of_caller;       /* is about the calling process, and nothing once that has hung up */
};

const struct ipc_method_row *ipc_method_row(enum ipc_method method);

/* Of a full name, "io.uwctl.Control.Status". -1 when there is none. */
int ipc_method_find(const char *full_name);

/* The types and errors of jobs, leases and metrics: parts of the description, in files of their
 * own. */
extern const char ipc_job_types[];
extern const char ipc_lease_types[];
extern const char ipc_metrics_types[];

#define IPC_REQUEST_MAX   (512U << 10) /* bytes of a call; a Submit carries an environment */
#define IPC_JOBS_A_PAGE   500          /* of Queue, History and Recommend */
#define IPC_JOBS_SHOWN    1000         /* of an answer that names jobs without pages */
#define IPC_LEASES_A_PAGE 200          /* of Leases: a turn's worth of encoding */

/* The interface description, malloced; NULL when memory is short. */
char *ipc_interface_text(void);

/* Errors that carry {reason: string}, full names. */
#define IPC_ERROR_FAILED        IPC_INTERFACE ".Failed"
#define IPC_ERROR_REFUSED       IPC_INTERFACE ".Refused"
#define IPC_ERROR_BAD_CONFIG    IPC_INTERFACE ".BadConfiguration"
#define IPC_ERROR_NOT_PERMITTED IPC_INTERFACE ".NotPermitted"
#define IPC_ERROR_BUSY          IPC_INTERFACE ".Busy"
#define IPC_ERROR_NO_COMPONENT  IPC_INTERFACE ".NoSuchComponent"
#define IPC_ERROR_NO_LEAF       IPC_INTERFACE ".NoSuchLeaf"
#define IPC_ERROR_BAD_JOB       IPC_INTERFACE ".BadJob"
#define IPC_ERROR_NO_JOB        IPC_INTERFACE ".NoSuchJob"
#define IPC_ERROR_QUEUE_FULL    IPC_INTERFACE ".QueueFull"
#define IPC_ERROR_NO_LEASE      IPC_INTERFACE ".NoSuchLease"

/* Of the Varlink service interface itself. */
#define IPC_SERVICE                 "org.varlink.service"
#define IPC_ERROR_NO_INTERFACE      IPC_SERVICE ".InterfaceNotFound"
#define IPC_ERROR_NO_METHOD         IPC_SERVICE ".MethodNotFound"
#define IPC_ERROR_INVALID_PARAMETER IPC_SERVICE ".InvalidParameter"
#define IPC_ERROR_EXPECTED_MORE     IPC_SERVICE ".ExpectedMore"
#define IPC_ERROR_NOT_IMPLEMENTED   IPC_SERVICE ".MethodNotImplemented"

#endif
