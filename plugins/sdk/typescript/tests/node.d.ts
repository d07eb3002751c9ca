// As much of Node as the SDK's own tests need.

declare module "node:child_process" {
  export function spawnSync(command: string, args: string[], options: object): {
    status: number | null; stdout: string; stderr: string; error?: Error;
  };
}
declare module "node:fs" {
  export function cpSync(from: string, to: string, options: object): void;
  export function mkdirSync(path: string, options: object): void;
  export function mkdtempSync(prefix: string): string;
  export function readFileSync(path: string, encoding: "utf8"): string;
  export function rmSync(path: string, options: object): void;
  export function symlinkSync(target: string, path: string): void;
  export function writeFileSync(path: string, text: string): void;
}
declare module "node:os" { export function tmpdir(): string }
declare module "node:path" {
  export function join(...parts: string[]): string;
  export function resolve(...parts: string[]): string;
}
declare var process: { env: { [name: string]: string | undefined }; execPath: string; stdout: { write(text: string): void } };
