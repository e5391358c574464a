-- What a site does today with nginx: decode, check nine fields, append the body to a log, pass on.
local cjson = require "cjson.safe"
local ffi = require "ffi"
local bit = require "bit"

if not ngx_bench_log then
    ffi.cdef [[
        int open(const char *path, int flags, int mode);
        long write(int fd, const void *bytes, size_t len);
        int fdatasync(int fd);
    ]]
    -- O_WRONLY | O_CREAT | O_APPEND on Linux; once per worker.
    ngx_bench_log = ffi.C.open("@LOG@", bit.bor(1, 64, 1024), 384)
    assert(ngx_bench_log >= 0, "the log cannot be opened")
end

ngx.req.read_body()
local body = ngx.req.get_body_data()
local call = body and cjson.decode(body)
local function refuse(what)
    ngx.header["Content-Type"] = "application/json"
    ngx.say('{"infcode":-1,"err_msg":"', what, '"}')
    return ngx.exit(200)
end
if not call then
    return refuse("not JSON")
end
for _, field in ipairs { "infno", "msgid", "mdtrtarea_admvs", "insuplc_admdvs", "inf_time", "fixmedins_code" } do
    if type(call[field]) ~= "string" or call[field] == "" then
        return refuse(field .. " is missing")
    end
end
local data = call.input and call.input.data
for _, field in ipairs { "psn_no", "mdtrt_id", "chrg_bchno" } do
    if not data or type(data[field]) ~= "string" or data[field] == "" then
        return refuse(field .. " is missing")
    end
end

local line = body .. "\n"
assert(ffi.C.write(ngx_bench_log, line, #line) == #line, "the log cannot be written")
if @SYNC@ then
    assert(ffi.C.fdatasync(ngx_bench_log) == 0, "the log cannot be synced")
end
