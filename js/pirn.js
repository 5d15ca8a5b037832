// A WebSocket that comes back; pirn.d.ts has the contracts. What an old attempt tells is known by
// its #run or WebSocket.

const CONNECTING = 0, OPEN = 1, CLOSING = 2, CLOSED = 3;
const STATES = { CONNECTING, OPEN, CLOSING, CLOSED };
const EVENTS = ['open', 'message', 'error', 'close', 'reconnecting', 'giveup', 'drop'];
const DEFAULTS = {
    WebSocket: globalThis.WebSocket, connectTimeout: 10000, waitOnline: true,
    minDelay: 1000, maxDelay: 60000, factor: 2, attempts: Infinity, stableAfter: 10000,
    queueMessages: 1000, queueBytes: 1 << 20, queuePolicy: 'throw',
    heartbeatInterval: 30000, heartbeatTimeout: 10000
};

const AWAY = {
    online: null, offline: null, visibilitychange: null,
    pagehide: true, freeze: true, pageshow: false, resume: false
};

// By tools/close-codes.
const CODES = [
    [-Infinity, 'Not Defined',
     'Not a close code.'],
    [1000, 'Normal Closure',
     'The connection did what it was opened for.'],
    [1001, 'Going Away',
     'The endpoint goes away: a server shuts down, or a browser leaves the page.', 'wait'],
    [1002, 'Protocol error',
     'The endpoint received something that violates the WebSocket protocol.'],
    [1003, 'Unsupported Data',
     'The endpoint received a type of data that it cannot take, such as binary messages.'],
    [1004, 'Reserved',
     'Reserved; no meaning was ever defined.'],
    [1005, 'No Status Rcvd',
     'The Close frame that was received had no code.'],
    [1006, 'Abnormal Closure',
     'The connection ended without a Close frame.', 'once'],
    [1007, 'Invalid frame payload data',
     'A message is not what its type says, such as text that is not UTF-8.'],
    [1008, 'Policy Violation',
     'A message breaks a rule of the endpoint; also for what no other code fits.'],
    [1009, 'Message Too Big',
     'The endpoint received a message that is larger than its limit.'],
    [1010, 'Mandatory Ext.',
     'The client needs an extension that the server did not accept.'],
    [1011, 'Internal Error',
     'The endpoint met something unexpected that keeps it from going on.', 'wait'],
    [1012, 'Service Restart',
     'The server is being restarted.', 'wait'],
    [1013, 'Try Again Later',
     'The server has too much to do at the moment.', 'wait'],
    [1014, 'Bad Gateway',
     'A gateway got an invalid answer from the server behind it, as in HTTP 502.', 'wait'],
    [1015, 'TLS handshake',
     'The TLS handshake failed, such as for a certificate that could not be verified.'],
    [1016, 'Unassigned',
     'Reserved for future versions of the protocol and for extensions.'],
    [3000, 'Unauthorized',
     'The endpoint wants to know who asks before it goes on, as in HTTP 401.'],
    [3001, 'Unassigned',
     'For libraries and frameworks, which register a code with IANA; this one is free.'],
    [3003, 'Forbidden',
     'The endpoint knows who asks and refuses, as in HTTP 403.'],
    [3004, 'Unassigned',
     'For libraries and frameworks, which register a code with IANA; this one is free.'],
    [3008, 'Timeout',
     'The other endpoint took too long to answer, as in HTTP 408.', 'once'],
    [3009, 'Unassigned',
     'For libraries and frameworks, which register a code with IANA; this one is free.'],
    [4000, 'Private Use',
     'Means what the application at both ends has agreed on.'],
    [5000, 'Not Defined',
     'Not a close code.'],
];

export function closeInfo(code) {
    const [, name, text, retry = 'never'] = CODES.findLast(([first]) => !(first > code));
    return { code, name, text, retry };
}

function withDefaults(options) {
    const all = { ...options };
    for (const name in DEFAULTS) all[name] ??= DEFAULTS[name];
    return all;
}

export function retryDelay(close, options, random = Math.random()) {
    const { minDelay, maxDelay, factor, attempts, retry } = withDefaults(options);
    const { code, attempt, wasOpen } = close, how = retry?.(close) ?? closeInfo(code).retry;
    if (how === 'never' || attempt > attempts) return;
    if (how === 'once' && attempt === 1 && wasOpen) return 0;
    if (how >= 0) return how;
    const least = code === 1012 || code === 1013 ? 5000 : 0;
    const ceiling = Math.min(maxDelay, minDelay * factor ** (attempt - 1)) || 0;
    return least + random * Math.max(5 * least, ceiling);
}

const isFunction = each => typeof each === 'function';
const sizeOf = data => new Blob([data]).size;

function withParams(url, params) {
    if (!params) return url;
    try {
        url = new URL(url, globalThis.document?.baseURI ?? globalThis.location);
    } catch {
        return url; // the WebSocket throws
    }
    for (const pair of new URLSearchParams(params)) url.searchParams.append(...pair);
    return url;
}

export class PirnSocket extends EventTarget {
    #sources;
    #options;
    #ws;
    #state = CONNECTING;
    #url = '';
    #binaryType = 'blob';
    #run = 0;
    #attempt = 0;
    #openedAt;
    #timer;
    #mayWake;
    #away;
    #queue = [];
    #queuedBytes = 0;

    static {
        Object.assign(this, STATES);
        Object.assign(this.prototype, STATES);
    }

    constructor(url, protocols = [], options) {
        super();
        for (const type of EVENTS) {
            this['on' + type] = null;
            this.addEventListener(type, event => this['on' + type]?.(event));
        }
        this.#options = withDefaults(options);
        this.#sources = [url, protocols, this.#options.params];
        if (this.#options.signal?.aborted) this.close();
        else if (this.#sources.some(isFunction)) this.#connect();
        else this.#open(this.#sources), this.#begin();
    }

    get readyState() { return this.#state; }
    get url() { return this.#url; }
    get protocol() { return this.#ws?.protocol ?? ''; }
    get extensions() { return this.#ws?.extensions ?? ''; }
    get bufferedAmount() { return this.#queuedBytes + (this.#ws?.bufferedAmount ?? 0); }
    get socket() { return this.#ws; }
    get binaryType() { return this.#binaryType; }
    set binaryType(type) {
        if (type !== 'blob' && type !== 'arraybuffer') return;
        this.#binaryType = type;
        if (this.#ws) this.#ws.binaryType = type;
    }

    send(data) {
        if (this.#state >= CLOSING) this.#drop(data);
        else if (this.#ws?.readyState === OPEN) this.#ws.send(data);
        else if (ArrayBuffer.isView(data))
            this.#enqueue(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
        else this.#enqueue(data?.slice?.() ?? String(data));
    }

    json(value) {
        this.send(JSON.stringify(value));
    }

    async drained(limit = 0) {
        while (this.#state < CLOSING) {
            if (this.bufferedAmount <= limit) return;
            await new Promise(resolve => setTimeout(resolve, 10));
        }
        throw new DOMException('closed', 'InvalidStateError');
    }

    close(code, reason = '') {
        if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
            throw new DOMException('not 1000 or 3000-4999', 'InvalidAccessError');
        if (sizeOf(reason) > 123)
            throw new DOMException('over 123 bytes', 'SyntaxError');
        if (this.#state < CLOSING) {
            this.#state = CLOSING;
            if (this.#ws) this.#ws.close(code, code && reason);
            else this.#run++, queueMicrotask(() => this.#state === CLOSING &&
                this.#ended({ code, reason, wasClean: true }));
        }
        while (this.#state >= CLOSING && this.#queue.length) this.#drop(this.#dequeue());
    }

    reconnect() {
        if (this.#options.signal?.aborted) return;
        this.#attempt = 0;
        if (this.#ws) this.#abandon(1000, 'reconnect', 0);
        else this.#connect();
    }

    #emit(type, fields) {
        this.dispatchEvent(Object.assign(new Event(type), fields));
    }

    #drop(data) {
        this.#emit('drop', { data });
    }

    #begin() {
        this.#listen('addEventListener');
        this.#state = CONNECTING;
        this.#limit('connectTimeout');
    }

    #after(ms, act) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(act, Math.min(ms, 1e9));
    }

    #wakeAfter(ms, mayWake) {
        this.#mayWake = mayWake;
        this.#after(ms, () => {
            this.#mayWake = true;
            this.#wake();
        });
    }

    #limit(option) {
        this.#mayWake = false;
        this.#after(this.#options[option], () => this.#abandon(3008, option));
    }

    #connect() {
        const run = ++this.#run;
        this.#begin();
        Promise.all(this.#sources.map(async each => isFunction(each) ? each() : each))
            .then(values => run === this.#run && this.#open(values))
            .catch(error => run === this.#run && this.#failed({ error }));
    }

    // Node has no close after it.
    #failed({ error = '' }) {
        const run = this.#run;
        this.#emit('error', { error });
        if (run === this.#run && !this.#openedAt)
            this.#ended({ code: 1006, reason: String(error) });
    }

    #open([url, protocols, params]) {
        const ws = this.#ws = new this.#options.WebSocket(withParams(url, params), protocols);
        this.#url = ws.url;
        ws.binaryType = this.#binaryType;
        const hear = (type, act) =>
            ws['on' + type] = event => ws === this.#ws && act.call(this, event);
        hear('open', this.#opened);
        hear('message', this.#received);
        hear('error', this.#failed);
        hear('close', this.#ended);
    }

    #opened() {
        this.#state = OPEN;
        this.#openedAt = performance.now();
        this.#beat();
        this.#emit('open');
        while (this.#queue.length && this.#ws?.readyState === OPEN) this.#ws.send(this.#dequeue());
    }

    #received({ data, origin }) {
        this.#beat();
        if (!this.#options.isAnswer?.(data))
            this.#emit('message', { data, origin, json: () => JSON.parse(data) });
    }

    #abandon(code, reason, delay) {
        const ws = this.#ws;
        this.#ended({ code, reason }, delay);
        ws?.close(code, reason);
    }

    #ended({ code = 1005, reason, wasClean = false }, delay) {
        const run = ++this.#run, byHand = this.#state === CLOSING, wasOpen = !!this.#openedAt;
        if (performance.now() - this.#openedAt >= this.#options.stableAfter) this.#attempt = 0;
        const close = { code, reason, wasClean, wasOpen, attempt: ++this.#attempt };
        if (!byHand) delay ??= retryDelay(close, this.#options);
        clearTimeout(this.#timer);
        this.#ws = this.#openedAt = undefined;
        this.#state = delay >= 0 ? CONNECTING : CLOSED;
        this.#emit('close', close);
        if (run !== this.#run) return;
        if (delay >= 0) {
            this.#wakeAfter(delay, closeInfo(code).retry !== 'wait');
            this.#emit('reconnecting', { ...close, delay });
        } else {
            this.#away = false;
            this.#listen('removeEventListener');
            if (!byHand) this.#emit('giveup', close);
        }
    }

    #beat() {
        clearTimeout(this.#timer);
        if (this.#options.heartbeat) this.#wakeAfter(this.#options.heartbeatInterval, true);
    }

    #listen(how) {
        for (const type in AWAY) globalThis[how]?.(type, this.#wake, true);
        this.#options.signal?.[how]('abort', this.#wake);
    }

    #wake = ({ type } = {}) => {
        if (type === 'abort') return this.close();
        if (type === 'visibilitychange' && document.hidden) return;
        this.#away = AWAY[type] ?? this.#away;
        if (this.#away) {
            if (this.#ws && this.#state < CLOSING) this.#abandon(1000, 'pagehide', 0);
        } else if (!this.#mayWake) return;
        else if (this.#ws) {
            this.#limit('heartbeatTimeout');
            this.#ws.send(this.#options.heartbeat());
        } else if (!this.#options.waitOnline || globalThis.navigator?.onLine !== false)
            this.#connect();
    };

    #enqueue(data) {
        const { queueMessages, queueBytes, queuePolicy } = this.#options, size = sizeOf(data);
        const fits = () => this.#queue.length < queueMessages &&
            this.#queuedBytes + size <= queueBytes;
        while (queuePolicy === 'oldest' && size <= queueBytes && this.#queue.length && !fits())
            this.#drop(this.#dequeue());
        if (fits()) this.#queuedBytes += size, this.#queue.push(data);
        else if (queuePolicy !== 'throw') this.#drop(data);
        else throw new DOMException('queue is full', 'QuotaExceededError');
    }

    #dequeue() {
        const data = this.#queue.shift();
        this.#queuedBytes -= sizeOf(data);
        return data;
    }
}
