import type { LoggerService } from '@nestjs/common';

/** For commands: what is worth a warning, as plain lines of stderr. Stdout is for their result. */
export class TerminalLogger implements LoggerService {
  log(): void {
    // What a command does is told by the command.
  }
  warn(message: unknown): void {
    write(message);
  }
  error(message: unknown): void {
    write(message);
  }
  fatal(message: unknown): void {
    write(message);
  }
}

function write(message: unknown): void {
  process.stderr.write(`${message instanceof Error ? message.message : String(message)}\n`);
}
