;; The hello card in Clojure, through javax.smartcardio.
(import '(javax.smartcardio CommandAPDU TerminalFactory))

(defn hex [bytes]
  (clojure.string/join " " (map #(format "%02X" %) bytes)))

(let [card (-> (TerminalFactory/getDefault) .terminals .list first (.connect "*"))
      channel (.getBasicChannel card)
      transmit (fn [command]
                 (.transmit channel (CommandAPDU. (byte-array (map unchecked-byte command)))))]
  (println (hex (.getBytes (transmit [0x00 0xA4 0x04 0x00 0x0A 0xA0 0x00 0x00 0x00 0x62 0x03 0x01
                                      0x0C 0x06 0x01]))))
  (let [response (transmit [0 0 0 0])]
    (println (hex (.getBytes response)))
    (println (String. (.getData response))))
  (.disconnect card false))
