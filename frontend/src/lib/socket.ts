export type SocketState = "closed" | "connecting" | "open" | "waiting";

export interface SocketOpening {
  address: string;
  protocols: string[];
}

interface SocketOptions {
  /** Asked anew for each attempt, because tokens change; may wait for one. */
  opening: () => Promise<SocketOpening>;
  onFrame: (frame: unknown) => void;
  onState: (state: SocketState) => void;
  /** Says whether to come back after this code; may wait for something first, such as a new token. */
  mayReturn: (code: number) => boolean | Promise<boolean>;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const PING_EVERY_MS = 20_000;
const SILENCE_MS = 45_000;

/** A WebSocket that notices silence and comes back by itself, waiting longer each time. */
export class ReturningSocket {
  private socket: WebSocket | null = null;
  private opening = false;
  private attempts = 0;
  private wanted = false;
  private state: SocketState = "closed";
  private heardAt = 0;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private comeback: ReturnType<typeof setTimeout> | undefined;
  private readonly options: SocketOptions;

  constructor(options: SocketOptions) {
    this.options = options;
    window.addEventListener("online", () => {
      if (this.wanted && !this.isOpen) void this.connect();
    });
  }

  /** Both doors are open and the other side has spoken. */
  get isOpen(): boolean {
    return this.state === "open" && this.socket?.readyState === WebSocket.OPEN;
  }

  open(): void {
    this.wanted = true;
    if (this.socket === null) void this.connect();
  }

  close(): void {
    this.wanted = false;
    clearTimeout(this.comeback);
    this.socket?.close(1000);
    this.settle("closed");
  }

  send(frame: object): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(JSON.stringify(frame));
    return true;
  }

  private async connect(): Promise<void> {
    clearTimeout(this.comeback);
    if (this.opening || (this.socket && this.socket.readyState <= WebSocket.OPEN)) return;
    this.enter("connecting");
    this.opening = true;
    const { address, protocols } = await this.options.opening().finally(() => {
      this.opening = false;
    });
    // It may have been closed while it waited for its token.
    if (!this.wanted) return;
    const socket = new WebSocket(address, protocols);
    this.socket = socket;
    socket.onopen = () => this.opened();
    socket.onmessage = (event: MessageEvent<unknown>) => this.heard(event.data);
    socket.onclose = (event) => void this.lost(socket, event.code);
  }

  private opened(): void {
    this.heardAt = Date.now();
    clearInterval(this.heartbeat);
    this.heartbeat = setInterval(() => {
      if (Date.now() - this.heardAt > SILENCE_MS) this.socket?.close(4000);
      else this.send({ type: "ping" });
    }, PING_EVERY_MS);
  }

  private heard(data: unknown): void {
    // Only words count as a connection: one that is opened and closed at once keeps waiting longer.
    if (this.state !== "open") this.enter("open");
    this.attempts = 0;
    this.heardAt = Date.now();
    if (typeof data !== "string") return;
    try {
      this.options.onFrame(JSON.parse(data) as unknown);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }

  private async lost(socket: WebSocket, code: number): Promise<void> {
    if (socket !== this.socket) return;
    this.settle(this.wanted ? "waiting" : "closed");
    if (!this.wanted || !(await this.options.mayReturn(code))) return;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.attempts, LONGEST_WAIT_MS);
    this.attempts += 1;
    // A little chance keeps a crowd from returning in step after a restart.
    this.comeback = setTimeout(() => void this.connect(), wait * (0.75 + Math.random() / 2));
  }

  private settle(state: SocketState): void {
    clearInterval(this.heartbeat);
    this.socket = null;
    this.enter(state);
  }

  private enter(state: SocketState): void {
    this.state = state;
    this.options.onState(state);
  }
}
