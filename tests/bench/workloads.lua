-- The workloads of tests/bench/run, for sysbench: one statement or one round of them is an event.

local ROWS = 10000

sysbench.cmdline.options = {
  workload = {"Which one", "point_text"},
}

local driver, connection, statement, parameter

local function any_row()
  return sysbench.rand.uniform(1, ROWS)
end

local workloads = {}

function workloads.point_text()
  connection:query("SELECT c FROM bench WHERE id=" .. any_row())
end

function workloads.point_prepared()
  if statement == nil then
    statement = connection:prepare("SELECT c FROM bench WHERE id=?")
    parameter = statement:bind_create(sysbench.sql.type.INT)
    statement:bind_param(parameter)
  end
  parameter:set(any_row())
  statement:execute()
end

function workloads.read_only()
  for _ = 1, 6 do
    workloads.point_text()
  end
  local first = any_row()
  connection:query("SELECT c FROM bench WHERE id BETWEEN " .. first .. " AND " .. first + 20)
  connection:query("SELECT SUM(k) FROM bench WHERE id BETWEEN " .. first .. " AND " .. first + 20)
  connection:query("SELECT c FROM bench WHERE id BETWEEN " .. first .. " AND " .. first + 20 .. " ORDER BY c")
end

function workloads.read_write()
  connection:query("BEGIN")
  workloads.point_text()
  connection:query("UPDATE bench SET k=k+1 WHERE id=" .. any_row())
  connection:query("COMMIT")
  workloads.read_only()
end

local written = 0

-- Every row has one writer, so that what is read must be what was written just before.
function workloads.own_reads()
  local row = sysbench.tid + 1
  written = written + 1
  connection:query("UPDATE bench SET k=" .. written .. " WHERE id=" .. row)
  local read = connection:query_row("SELECT k FROM bench WHERE id=" .. row)
  if tonumber(read) ~= written then
    error("row " .. row .. ": wrote " .. written .. ", read " .. tostring(read))
  end
end

-- One write of one's own, and reads that it must not make dearer.
function workloads.write_then_reads()
  written = written + 1
  connection:query("UPDATE bench SET k=" .. written .. " WHERE id=" .. sysbench.tid + 1)
  for _ = 1, 20 do
    workloads.point_text()
  end
end

function workloads.connect()
  connection:disconnect()
  connection = driver:connect()
  workloads.point_text()
end

function workloads.big_result()
  connection:query("SELECT b FROM big")
end

function workloads.many_rows()
  connection:query("SELECT id, k FROM bench")
end

function thread_init()
  driver = sysbench.sql.driver()
  connection = driver:connect()
end

function thread_done()
  connection:disconnect()
end

function event()
  workloads[sysbench.opt.workload]()
end
