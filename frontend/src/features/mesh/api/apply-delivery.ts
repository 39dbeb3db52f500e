import type { Applied, DeliveryFile } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { put } from "@/lib/http";

/** Says what would change, and changes nothing. */
export const checkDelivery = (file: DeliveryFile): Promise<Applied> =>
  put<Applied>(endpoints.meshDelivery(true), file);

/** Takes the place of the file that was looked at; of a newer one it does not. */
export const applyDelivery = (file: DeliveryFile): Promise<Applied> =>
  put<Applied>(endpoints.meshDelivery(false), file);
