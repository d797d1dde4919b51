# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of one machine, shared out by component: leases, pools, tasks that wait for their memory,
and news of pressure, from uwd.

    from unity_wheel.memory import allocate_for_ml

    with allocate_for_ml(500, "BERT") as alloc_id:  # MemoryError when there is no room
        ...

Sizes are in MB, which is MiB. Without a uwd there is UwNotRunning, an OSError; UW_MODE=local has
this process keep the account, with the budgets of UW_LOCAL_BUDGETS ("trading_data=7G, cache=2G").
"""

from .allocation import Allocation, TensorAllocation
from .arguments import TaskPriority
from .errors import Holder, LeaseDenied, UwNotRunning
from .heap import HeapFull
from .manager import UnifiedMemoryManager, get_memory_manager
from .objects import ObjectPool
from .pools import (MemoryPool, SharedTensorPool, create_cache_pool, create_database_pool,
                    create_ml_tensor_pool, create_trading_data_pool)
from .pressure import PressureLevel
from .report import memory_usage_report
from .rings import CircularPool
from .scheduler import (ResourceScheduler, get_resource_scheduler, schedule_ml_task,
                        schedule_trading_task)
from .scopes import (allocate_adaptive_memory, allocate_for_cache, allocate_for_database,
                     allocate_for_ml, allocate_for_trading, allocate_tensor_memory,
                     allocate_with_fallback)
from .tasks import ResourceRequirements, TaskState, TaskStatus, cancel_requested

__all__ = [
    "Allocation", "CircularPool", "HeapFull", "Holder", "LeaseDenied", "MemoryPool", "ObjectPool",
    "PressureLevel", "ResourceRequirements", "ResourceScheduler", "SharedTensorPool",
    "TaskPriority", "TaskState", "TaskStatus", "TensorAllocation", "UnifiedMemoryManager",
    "UwNotRunning", "allocate_adaptive_memory", "allocate_for_cache", "allocate_for_database",
    "allocate_for_ml", "allocate_for_trading", "allocate_tensor_memory", "allocate_with_fallback",
    "cancel_requested", "create_cache_pool", "create_database_pool", "create_ml_tensor_pool",
    "create_trading_data_pool", "get_memory_manager", "get_resource_scheduler",
    "memory_usage_report", "schedule_ml_task", "schedule_trading_task",
]
