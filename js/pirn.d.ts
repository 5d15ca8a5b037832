/* The contracts of pirn.js, a WebSocket that comes back: in browsers, in workers, in Node 22,
 * and in Node 20 with the class of npm `ws`. The guide is docs/guide/javascript.md. */

/** When to connect again: "never"; "wait", longer each time; "once": at once if a connection was
 * lost, and then like "wait". */
export type Retry = 'never' | 'wait' | 'once';

/** What is known of a close code. */
export interface CloseInfo {
    code: number;
    /** The name in IANA's registry, such as "Going Away"; of a code without one, of its range. */
    name: string;
    /** What it means, in a sentence. */
    text: string;
    /** Whether it makes sense to connect again, which is what PirnSocket does by itself. */
    retry: Retry;
}

/** Looks up a close code, or any number, in the table of pirn/close.h. */
export function closeInfo(code: number): CloseInfo;

/** How an attempt to be connected ended. */
export interface Ending {
    /** The close code. Besides what a WebSocket reports: 3008 when it took too long (the reason is
     * then the name of the option that said how long), 1000 for reconnect() and for a page that
     * went into the cache of the browser ("pagehide"). */
    code: number;
    reason: string;
    wasClean: boolean;
    /** Whether it was a connection that was lost, not an attempt that failed. */
    wasOpen: boolean;
    /** The number of the next attempt, from 1, if there is one. It begins anew after a connection
     * that lasted. */
    attempt: number;
}

/** The milliseconds to wait for the next attempt after an ending, or undefined for never, as
 * pirn_retry_delay_ms() of pirn/backoff.h:
 *
 *     "once"            0 for attempt 1 if it was open, else like "wait"
 *     "wait"            random * ceiling,
 *                       ceiling = min(maxDelay, minDelay * factor ** (attempt - 1))
 *     1012 and 1013     5000 + random * max(25000, ceiling)
 *
 * A pure function of its arguments; random is from 0 to 1, Math.random() when not given. */
export function retryDelay(
    close: Pick<Ending, 'code' | 'attempt'> & Partial<Ending>,
    options?: RetryOptions,
    random?: number
): number | undefined;

export interface RetryOptions {
    /** The longest that the first wait may be (1000 ms), that any may be (60000 ms), and by what it
     * grows from one to the next (2). */
    minDelay?: number;
    maxDelay?: number;
    factor?: number;
    /** How many attempts in a row may fail before `giveup` (Infinity). */
    attempts?: number;
    /** Overrules the table of close codes: says "never", "wait", "once", or in how many
     * milliseconds; undefined for what the table says. It must not throw. */
    retry?(close: Ending): Retry | number | undefined;
}

export type Source<T> = T | (() => T | Promise<T>);

/** The part of a WebSocket class that is used. */
export type WebSocketClass = new (url: string | URL, protocols?: string | string[]) => object;

export type Params = string | string[][] | Record<string, string> | URLSearchParams;

/** Times are in milliseconds, Infinity is no limit, undefined is as if not given. */
export interface Options extends RetryOptions {
    /** The class to connect with (globalThis.WebSocket): in Node 20 that of npm `ws`. */
    WebSocket?: WebSocketClass;
    /** Added to the query of the URL. A function, which may be async, is called for each
     * attempt. */
    params?: Source<Params | undefined>;
    /** From the beginning of an attempt, with the functions for URL, subprotocols and
     * parameters, to `open` (10000). */
    connectTimeout?: number;
    /** How long a connection must have been open for the count of attempts to begin anew
     * (10000). */
    stableAfter?: number;
    /** When the browser says that there is no network, wait for it before connecting again
     * (true). */
    waitOnline?: boolean;
    /** The most that waits for a connection (1000 messages, 1 MiB), and what happens to more:
     * "throw" lets send() throw QuotaExceededError, "oldest" drops the oldest, "newest" the new
     * one; what is dropped comes with `drop`. A message above queueBytes never drops another. */
    queueMessages?: number;
    queueBytes?: number;
    queuePolicy?: 'throw' | 'oldest' | 'newest';
    /** Makes the message to send when nothing came for heartbeatInterval (30000); if then
     * nothing comes for heartbeatTimeout (10000) the connection is given up with 3008. Any
     * message counts as a sign of life. Without this function there is no heartbeat. It must not
     * throw. */
    heartbeat?(): string | ArrayBufferLike | ArrayBufferView | Blob;
    heartbeatInterval?: number;
    heartbeatTimeout?: number;
    /** Tells messages that answer a heartbeat: there is no `message` for them. */
    isAnswer?(data: any): boolean;
    /** Closes for good when it aborts. */
    signal?: AbortSignal;
}

/** A message. */
export interface PirnMessageEvent extends Event {
    readonly data: any;
    /** undefined where the WebSocket class does not tell, as that of npm `ws`. */
    readonly origin: string | undefined;
    /** The data parsed as JSON; throws SyntaxError if it is none. */
    json(): any;
}

export interface PirnCloseEvent extends Event, Readonly<Ending> {}

/** `delay` is in milliseconds; it may take longer, when there is no network or the page is in the
 * cache, and less, when network or page come back. */
export interface ReconnectingEvent extends PirnCloseEvent {
    readonly delay: number;
}

/** `error` is what the WebSocket class tells, which in browsers is nothing, or what a function for
 * URL, subprotocols or parameters threw. */
export interface PirnErrorEvent extends Event {
    readonly error?: any;
}

/** A message that will not be sent: dropped from the queue, for its limits or by close(), or given
 * to send() after close(). */
export interface DropEvent extends Event {
    readonly data: any;
}

export interface PirnEventMap {
    /** A connection is open, and nothing was sent on it: what its listeners send goes first, then
     * the queue. */
    open: Event;
    message: PirnMessageEvent;
    error: PirnErrorEvent;
    /** An attempt ended, open or not: one for each, except that reconnect() while its functions are
     * asked begins it anew. readyState says whether there will be another: CONNECTING or CLOSED.
     * One more comes for a close() between attempts. */
    close: PirnCloseEvent;
    /** After `close`: the next attempt is planned. */
    reconnecting: ReconnectingEvent;
    /** After `close`: there is no further attempt, for the close code or the limit of attempts, and
     * nobody here asked for it. The queue is kept for a reconnect(), until close(). */
    giveup: PirnCloseEvent;
    drop: DropEvent;
}

/** A WebSocket as browsers have it, with the same constructor, properties, methods, events and
 * exceptions, except for what is said here. Listeners stay over all connections.
 *
 * What becomes of messages: each goes to one connection at most, in the order of the calls of
 * send() (those of listeners of `open` first), so none comes twice. What waits in the queue
 * survives a lost connection. What was given to a connection that then breaks may be lost:
 * WebSocket has no receipts; the guide has a way to make some. */
export class PirnSocket extends EventTarget {
    static readonly CONNECTING: 0;
    static readonly OPEN: 1;
    static readonly CLOSING: 2;
    static readonly CLOSED: 3;
    readonly CONNECTING: 0;
    readonly OPEN: 1;
    readonly CLOSING: 2;
    readonly CLOSED: 3;

    /** Connects. Functions are called for each attempt; what they throw, or reject with, counts
     * as an attempt that failed. When neither url nor protocols nor params is a function, what
     * is wrong with them throws here (SyntaxError), as with WebSocket. */
    constructor(
        url: Source<string | URL>, protocols?: Source<string | string[]>, options?: Options);

    onopen: ((event: Event) => any) | null;
    onmessage: ((event: PirnMessageEvent) => any) | null;
    onerror: ((event: PirnErrorEvent) => any) | null;
    onclose: ((event: PirnCloseEvent) => any) | null;
    onreconnecting: ((event: ReconnectingEvent) => any) | null;
    ongiveup: ((event: PirnCloseEvent) => any) | null;
    ondrop: ((event: DropEvent) => any) | null;

    /** CONNECTING also between attempts, CLOSED only if there will be none. */
    readonly readyState: 0 | 1 | 2 | 3;
    /** The URL of the latest connection, with its parameters; "" before the first. */
    readonly url: string;
    readonly protocol: string;
    readonly extensions: string;
    /** Bytes in the queue and in the connection that were not sent yet. */
    readonly bufferedAmount: number;
    /** The WebSocket of the present attempt. */
    readonly socket: any;
    binaryType: 'blob' | 'arraybuffer';

    /** Sends, or puts into the queue while there is no connection; bytes are copied there. After
     * close() the message is dropped. Throws QuotaExceededError when the queue is full. */
    send(data: string | ArrayBufferLike | ArrayBufferView | Blob): void;

    /** Sends a value as JSON. What JSON cannot say, such as undefined or a function, goes as the
     * text "undefined". */
    json(value: any): void;

    /** Waits until at most `limit` bytes (0) wait to be sent. Rejects with InvalidStateError if
     * close() was called, or it is closed for good, before. What a lost connection took along does
     * not wait any more. */
    drained(limit?: number): Promise<void>;

    /** Closes for good, as WebSocket does, with the same exceptions: the code must be 1000 or
     * 3000 to 4999 (InvalidAccessError), the reason at most 123 bytes (SyntaxError). Between
     * attempts the `close` event comes at once, with 1005 if no code was given. What waits in the
     * queue is dropped, also after `giveup`. */
    close(code?: number, reason?: string): void;

    /** Connects anew, whatever it was doing: does not wait for the next attempt, begins again after
     * close() or `giveup`. This is at once, even if the browser says that there is no network. If
     * there is a WebSocket it leaves it first, with 1000: `close` and `reconnecting` come, and the
     * next attempt is made after 0 ms, as any by the rules of waitOnline. Nothing after the signal
     * aborted. */
    reconnect(): void;

    addEventListener<K extends keyof PirnEventMap>(
        type: K, listener: (this: PirnSocket, event: PirnEventMap[K]) => any,
        options?: boolean | AddEventListenerOptions): void;
    addEventListener(type: string, listener: EventListenerOrEventListenerObject | null,
        options?: boolean | AddEventListenerOptions): void;
    removeEventListener<K extends keyof PirnEventMap>(
        type: K, listener: (this: PirnSocket, event: PirnEventMap[K]) => any,
        options?: boolean | EventListenerOptions): void;
    removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null,
        options?: boolean | EventListenerOptions): void;
}
