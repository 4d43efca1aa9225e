import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/**
 * Signs and verifies documents with javax.xml.crypto.dsig, a line of standard input each:
 *
 * <pre>
 * sign    IN OUT PATH KEY.p12 PASSWORD rsa-sha256|ecdsa-sha384|… sha256|sha384|sha512 inclusive|exclusive
 * verify  IN CERTIFICATE.der
 * </pre>
 *
 * with tabs between; for each line one is written: "done", "valid", "invalid", or "error" and why. Without arguments
 * the JDK's own provider works; with "santuario" that of Apache Santuario, whose jar must be on the class path.
 */
public class XmlPeer {
    private static final String MORE = "http://www.w3.org/2001/04/xmldsig-more#";
    private static final String ENC = "http://www.w3.org/2001/04/xmlenc#";
    private static Provider provider;

    public static void main(String[] args) throws Exception {
        if (args.length > 0) {
            Class<?> named = Class.forName("org.apache.jcp.xml.dsig.internal.dom.XMLDSigRI", true,
                ClassLoader.getSystemClassLoader());
            if (named.getModule().isNamed()) {
                throw new IllegalStateException("this is the JDK's own provider");
            }
            provider = (Provider) named.getDeclaredConstructor().newInstance();
        }
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] told = line.split("\t");
            String answer;
            try {
                answer = told[0].equals("sign") ? sign(told) : verify(told);
            } catch (Exception error) {
                answer = ("error " + error).replace('\n', ' ');
            }
            System.out.println(answer);
        }
    }

    private static XMLSignatureFactory factory() {
        return provider == null
            ? XMLSignatureFactory.getInstance("DOM") : XMLSignatureFactory.getInstance("DOM", provider);
    }

    private static String sign(String[] told) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        char[] password = told[5].toCharArray();
        try (InputStream in = new FileInputStream(told[4])) {
            store.load(in, password);
        }
        String alias = store.aliases().nextElement();
        PrivateKey key = (PrivateKey) store.getKey(alias, password);
        X509Certificate certificate = (X509Certificate) store.getCertificate(alias);
        Document document = parse(told[1]);
        boolean exclusive = told[8].equals("exclusive");
        String method = exclusive ? CanonicalizationMethod.EXCLUSIVE : CanonicalizationMethod.INCLUSIVE;
        XMLSignatureFactory factory = factory();
        List<Transform> transforms = new ArrayList<>();
        transforms.add(factory.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null));
        if (exclusive) {
            transforms.add(factory.newTransform(method, (TransformParameterSpec) null));
        }
        String digest = (told[7].equals("sha384") ? MORE : ENC) + told[7];
        Reference reference = factory.newReference("", factory.newDigestMethod(digest, null), transforms, null, null);
        SignedInfo signedInfo = factory.newSignedInfo(
            factory.newCanonicalizationMethod(method, (C14NMethodParameterSpec) null),
            factory.newSignatureMethod(MORE + told[6], null),
            List.of(reference));
        KeyInfoFactory keys = factory.getKeyInfoFactory();
        KeyInfo keyInfo = keys.newKeyInfo(List.of(
            keys.newKeyValue(certificate.getPublicKey()),
            keys.newX509Data(List.of(certificate.getSubjectX500Principal().getName(), certificate))));
        Node place = (Node) XPathFactory.newInstance().newXPath().evaluate(told[3], document, XPathConstants.NODE);
        factory.newXMLSignature(signedInfo, keyInfo, null, "sigid", null).sign(new DOMSignContext(key, place));
        Transformer transformer = TransformerFactory.newInstance().newTransformer();
        try (OutputStream out = new FileOutputStream(told[2])) {
            transformer.transform(new DOMSource(document), new StreamResult(out));
        }
        return "done";
    }

    private static String verify(String[] told) throws Exception {
        X509Certificate certificate;
        try (InputStream in = new FileInputStream(told[2])) {
            certificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        Document document = parse(told[1]);
        NodeList signatures = document.getElementsByTagNameNS(XMLSignature.XMLNS, "Signature");
        DOMValidateContext context = new DOMValidateContext(certificate.getPublicKey(), signatures.item(0));
        NodeList all = document.getElementsByTagName("*");
        for (int at = 0; at < all.getLength(); at++) {
            Element element = (Element) all.item(at);
            if (element.hasAttribute("Id")) {
                context.setIdAttributeNS(element, null, "Id");
            }
        }
        return factory().unmarshalXMLSignature(context).validate(context) ? "valid" : "invalid";
    }

    private static Document parse(String path) throws Exception {
        DocumentBuilderFactory builders = DocumentBuilderFactory.newInstance();
        builders.setNamespaceAware(true);
        return builders.newDocumentBuilder().parse(new File(path));
    }
}
