/** The licences of Node.js and of all that is compiled into it, as pinned. */
import { readFileSync, rmSync } from "node:fs";
import { fetchLicences } from "../download.mjs";
import { LICENCES_SHA256, runtimePins, type Target } from "../pins.ts";
import { checkDigest } from "../runtime.ts";

/** @throws SupplyError from download.mjs, or 65 if they are not what is pinned; the damaged file is removed */
export async function readLicences(target: Target): Promise<string> {
  const pin = runtimePins[target];
  const path = await fetchLicences(pin);
  const data = readFileSync(path);
  try {
    checkDigest(`LICENSE of ${pin.package}, which is now removed; build again`, data, LICENCES_SHA256);
  } catch (error) {
    rmSync(path);
    throw error;
  }
  return data.toString("utf8");
}
